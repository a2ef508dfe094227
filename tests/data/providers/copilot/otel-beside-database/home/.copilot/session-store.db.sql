CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY, session_id TEXT, model TEXT, input_tokens INTEGER, output_tokens INTEGER, created_at TEXT);
INSERT INTO assistant_usage_events VALUES (1, 's1', 'gpt-5.2', 1000, 100, '2026-04-11 19:04:00');
INSERT INTO assistant_usage_events VALUES (2, 's2', 'gpt-5.2', 2000, 200, '2026-04-11 19:04:10');
