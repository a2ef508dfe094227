CREATE TABLE schema_version (version INTEGER);
INSERT INTO schema_version VALUES (8);
CREATE TABLE sessions (id TEXT PRIMARY KEY, cwd TEXT, repository TEXT, branch TEXT, summary TEXT, created_at TEXT, updated_at TEXT);
INSERT INTO sessions VALUES ('s1', '/srv/app', 'acme/app', 'main', 'PLANTED PROMPT', '2026-03-01 10:00:00', '2026-03-01 10:20:00');
CREATE TABLE turns (id INTEGER PRIMARY KEY, session_id TEXT, turn_index INTEGER, user_message TEXT, assistant_response TEXT, timestamp TEXT);
INSERT INTO turns VALUES (1, 's1', 0, 'PLANTED PROMPT', 'PLANTED ANSWER', '2026-03-01 10:00:09');
CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, turn_index INTEGER, model TEXT,
  copilot_usage_model TEXT, reasoning_effort TEXT, input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,
  cache_write_tokens INTEGER, reasoning_tokens INTEGER, total_nano_aiu INTEGER, request_multiplier REAL, duration_ms REAL,
  finish_reason TEXT, agent_id TEXT, parent_tool_call_id TEXT, token_details_json TEXT, created_at TEXT);
INSERT INTO assistant_usage_events VALUES (1, 's1', 0, 'claude-sonnet-4.5', 'claude-sonnet-4.5', 'high', 5200, 1800, 3000, 500, 900, 1958555000, 1.0, 2500.0, 'tool_calls', NULL, NULL, '{}', '2026-03-01 10:00:04');
INSERT INTO assistant_usage_events VALUES (2, 's1', 0, 'auto', 'gpt-5-mini', NULL, 100, 20, 0, NULL, 0, NULL, 0.0, 400.0, 'stop', 'toolu_sub', 'c9', NULL, '2026-03-01T10:00:06.500Z');
INSERT INTO assistant_usage_events VALUES (4, 's1', 0, 'gpt-5.2', NULL, NULL, 50, NULL, 80, NULL, 5, 100, 1.0, 400.0, 'stop', NULL, NULL, NULL, '2026-03-01 10:00:08');
INSERT INTO assistant_usage_events VALUES (5, 's-gone', 0, 'gpt-5.2', NULL, NULL, 0, 0, 0, 0, 0, 0, 1.0, 400.0, 'error', NULL, NULL, NULL, '2026-03-01 10:01:00');
INSERT INTO assistant_usage_events VALUES (6, 's1', 0, 'gpt-5.2', NULL, NULL, 9, 9, 0, 0, 0, 0, 1.0, 400.0, 'stop', NULL, NULL, NULL, 'soon');
INSERT INTO assistant_usage_events VALUES (7, NULL, 0, 'gpt-5.2', NULL, NULL, 9, 9, 0, 0, 0, 0, 1.0, 400.0, 'stop', NULL, NULL, NULL, '2026-03-01 10:01:00');
