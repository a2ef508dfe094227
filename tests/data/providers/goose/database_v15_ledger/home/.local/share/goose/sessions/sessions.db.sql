PRAGMA journal_mode = WAL;
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
INSERT INTO schema_version (version) VALUES (14), (15), (16);
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '',
  user_set_name BOOLEAN DEFAULT FALSE, session_type TEXT NOT NULL DEFAULT 'user',
  working_dir TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  extension_data TEXT DEFAULT '{}',
  total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER,
  cache_read_tokens INTEGER, cache_write_tokens INTEGER,
  accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER,
  accumulated_cache_read_tokens INTEGER, accumulated_cache_write_tokens INTEGER, accumulated_cost REAL,
  schedule_id TEXT, recipe_json TEXT, user_recipe_values_json TEXT,
  provider_name TEXT, model_config_json TEXT, goose_mode TEXT NOT NULL DEFAULT 'auto',
  archived_at TIMESTAMP, project_id TEXT, parent_session_id TEXT);
CREATE INDEX idx_sessions_updated ON sessions(updated_at DESC);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, session_id TEXT NOT NULL REFERENCES sessions(id),
  role TEXT NOT NULL, content_json TEXT NOT NULL, created_timestamp INTEGER NOT NULL,
  timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, tokens INTEGER, metadata_json TEXT);
CREATE TABLE usage_ledger (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  created_timestamp INTEGER NOT NULL, model TEXT,
  input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER,
  cache_read_tokens INTEGER, cache_write_tokens INTEGER,
  cost REAL, cost_source TEXT, is_compaction INTEGER DEFAULT 0);
CREATE INDEX idx_usage_ledger_session ON usage_ledger(session_id);

-- used before the ledger came and after it
INSERT INTO sessions (id, name, session_type, working_dir, created_at, updated_at, total_tokens, input_tokens,
  output_tokens, accumulated_total_tokens, accumulated_input_tokens, accumulated_output_tokens,
  accumulated_cache_read_tokens, accumulated_cache_write_tokens, accumulated_cost, provider_name, model_config_json)
VALUES ('20260601_1', 'PLANTED PROMPT title', 'user', '/home/dev/shop', '2026-06-01 09:00:00', '2026-06-01 10:00:20',
  12300, 12000, 300, 27000, 26000, 1000, 15000, 3000, 0.0677, 'anthropic',
  '{"model_name": "claude-sonnet-4-5", "context_limit": 200000, "temperature": null, "max_tokens": null}');
-- its sub-agent, whose tokens are not in the parent
INSERT INTO sessions (id, session_type, working_dir, created_at, updated_at, accumulated_total_tokens,
  accumulated_input_tokens, accumulated_output_tokens, provider_name, model_config_json, parent_session_id)
VALUES ('20260601_2', 'sub_agent', '/home/dev/shop', '2026-06-01 10:00:05', '2026-06-01 10:00:15', 2150, 2000, 100,
  'google', '{"model_name": "gemini-2.5-pro"}', '20260601_1');
-- ended before the ledger came
INSERT INTO sessions (id, session_type, working_dir, created_at, updated_at, accumulated_total_tokens,
  accumulated_input_tokens, accumulated_output_tokens, provider_name, model_config_json)
VALUES ('20260530_1', 'scheduled', '/home/dev/börse', '2026-05-30 08:00:00', '2026-05-30 08:10:00', 3000, 2500, 500,
  'openai', '{"model": "gpt-5"}');
-- Goose drove Claude Code, whose own transcript holds the same requests
INSERT INTO sessions (id, session_type, working_dir, created_at, accumulated_total_tokens, accumulated_input_tokens,
  accumulated_output_tokens, provider_name, model_config_json)
VALUES ('20260601_3', 'user', '/home/dev/shop', '2026-06-01 10:30:00', 900, 800, 100, 'claude-code', '{"model_name": "sonnet"}');
-- never reached a model
INSERT INTO sessions (id, working_dir, created_at) VALUES ('20260601_4', '/tmp', '2026-06-01 11:00:00');

INSERT INTO usage_ledger (session_id, created_timestamp, model, input_tokens, output_tokens, total_tokens,
  cache_read_tokens, cache_write_tokens, cost, cost_source, is_compaction) VALUES
 ('20260601_1', 1780308000, NULL, 10000, 500, 10500, 6000, 1000, 0.05, 'carried_forward', 0),
 ('20260601_1', 1780308000, 'claude-sonnet-4-5', 12000, 300, 12300, 9000, 2000, 0.0177, 'provider_reported', 0),
 ('20260601_1', 1780308020, 'claude-haiku-4-5', 4000, 200, 4200, NULL, NULL, NULL, NULL, 1),
 ('20260601_2', 1780308010, 'gemini-2.5-pro', 0, 0, 0, 0, 0, NULL, NULL, 0),
 ('20260601_2', 1780308015, 'gemini-2.5-pro', 2000, 100, 2150, NULL, NULL, NULL, NULL, 0),
 ('20260601_3', 1780309810, 'sonnet', 800, 100, 900, NULL, NULL, 0.01, 'provider_reported', 0);

INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp) VALUES
 ('msg_1', '20260601_1', 'user', '[{"type":"text","text":"PLANTED PROMPT sk-planted-0001"}]', 1780307990),
 ('msg_2', '20260601_1', 'assistant',
  '["odd", {"type":"text","text":"PLANTED ANSWER"}, {"type":"toolRequest","id":"toolu_01PlantedCallOfAShell","toolCall":{"status":"success","value":{"name":"developer__shell","arguments":{"command":"echo sk-planted-0001"}}}}, {"type":"toolRequest","id":"call_1","toolCall":{"status":"success","value":{"name":"developer__text_editor","arguments":{"path":"/home/dev/shop/cart.py","file_text":"PLANTED PROMPT"}}}}]', 1780308001),
 ('msg_3', '20260601_1', 'user',
  '[{"type":"toolResponse","id":"toolu_01PlantedCallOfAShell","toolResult":{"status":"success","value":{"content":[{"type":"text","text":"PLANTED OUTPUT"}],"isError":false}}}, {"type":"toolResponse","id":"call_1","toolResult":{"status":"error","error":"PLANTED OUTPUT"}}]', 1780308004),
 ('msg_4', '20260601_1', 'assistant', '[{"type":"toolRequest", half', 1780308005),
 ('msg_5', '20260601_1', 'assistant', '[{"type":"toolRequest","id":"call_2","toolCall":{"status":"success","value":{"name":"summon__delegate","arguments":{}}}}]', 1780308006);
