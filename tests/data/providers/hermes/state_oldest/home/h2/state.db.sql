CREATE TABLE sessions (id TEXT PRIMARY KEY, source TEXT, model TEXT, started_at REAL, input_tokens INTEGER, output_tokens INTEGER);
INSERT INTO sessions VALUES ('c', 'cli', 'grok-4', 1767312000, 7, 1);
-- before anything could be
INSERT INTO sessions VALUES ('d', 'cli', 'grok-4', -1767312000, 7, 1);
