-- The tables of the Go OpenUsage's database that hold usage, as version 0.24 makes them.
CREATE TABLE usage_raw_events (
  raw_event_id TEXT PRIMARY KEY, ingested_at TEXT NOT NULL, source_system TEXT NOT NULL,
  source_channel TEXT NOT NULL, source_schema_version TEXT NOT NULL, source_payload TEXT NOT NULL,
  source_payload_hash TEXT NOT NULL, workspace_id TEXT, agent_session_id TEXT);
CREATE TABLE usage_events (
  event_id TEXT PRIMARY KEY, occurred_at TEXT NOT NULL, provider_id TEXT, account_id TEXT,
  workspace_id TEXT, session_id TEXT, turn_id TEXT, message_id TEXT, tool_call_id TEXT,
  agent_name TEXT NOT NULL, event_type TEXT NOT NULL, status TEXT NOT NULL, model_raw TEXT,
  model_canonical TEXT, model_lineage_id TEXT, input_tokens INTEGER, output_tokens INTEGER,
  reasoning_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
  total_tokens INTEGER, requests INTEGER, cost_usd REAL, tool_name TEXT,
  dedup_key TEXT NOT NULL UNIQUE, raw_event_id TEXT NOT NULL REFERENCES usage_raw_events,
  normalization_version TEXT NOT NULL);
CREATE TABLE balance_observations (
  provider_id TEXT, account_id TEXT, metric_key TEXT, observed_at TEXT, used REAL, limit_val REAL,
  remaining REAL, unit TEXT, semantics TEXT NOT NULL,
  PRIMARY KEY (provider_id, account_id, metric_key, observed_at));
CREATE TABLE usage_rollup_daily (
  day TEXT, provider_id TEXT, account_id TEXT, model_canonical TEXT, tool_name TEXT, project TEXT,
  status TEXT, input_tokens INTEGER, cost_usd REAL,
  PRIMARY KEY (day, provider_id, account_id, model_canonical, tool_name, project, status));
CREATE TABLE daemon_meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE _migrations (name TEXT PRIMARY KEY, applied_at TEXT);
