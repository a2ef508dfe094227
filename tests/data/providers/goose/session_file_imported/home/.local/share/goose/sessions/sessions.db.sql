-- what version 1.10 made of the sessions' files: the first was gone on with afterwards, the file of the second is gone
CREATE TABLE sessions (id TEXT PRIMARY KEY, description TEXT, working_dir TEXT, created_at TIMESTAMP, updated_at TIMESTAMP, total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER, accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER, model_config_json TEXT, provider_name TEXT);
INSERT INTO sessions VALUES ('20250601_101530', 'PLANTED PROMPT', '/srv/shop', '2025-06-01 10:15:29', '2025-10-20 08:00:00', 2200, 2000, 200, 8800, 8000, 800, '{"model_name":"claude-sonnet-4-5"}', 'anthropic');
INSERT INTO sessions VALUES ('20250520_070000', '', '/srv/blog', '2025-05-20 07:00:00', '2025-05-20 07:30:00', 50, 40, 10, 500, 400, 100, NULL, NULL);
INSERT INTO sessions VALUES ('20251001_1', '', '/srv/blog', '2025-10-01 07:00:00', '2025-10-01 07:30:00', 50, 40, 10, 500, 400, 100, NULL, NULL);
