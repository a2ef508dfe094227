-- the first columns a session ever had, and one written by a newer version that dropped the plain counts
CREATE TABLE sessions (id TEXT PRIMARY KEY, working_dir TEXT, created_at TIMESTAMP, input_tokens INTEGER, output_tokens INTEGER, model_config_json TEXT);
INSERT INTO sessions VALUES ('20251001_1', '/srv/app', '2025-10-01', 700, 70, '{"model_name":"grok-4"}');
INSERT INTO sessions VALUES ('20251001_2', '/srv/app', '2025-10-01 12:00:00', -5, 'many', '{"model_name":"grok-4"}');
