CREATE TABLE sessions (id TEXT PRIMARY KEY, source TEXT, model TEXT, started_at REAL, input_tokens INTEGER, output_tokens INTEGER);
INSERT INTO sessions VALUES ('20260601_140000_eeeeee', 'cli', 'gpt-5-mini', 1780322400, 10, 2);
