-- the data directory before it was moved: a copy of one session, and one of its own of the same id as another
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, description TEXT NOT NULL DEFAULT '', working_dir TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER,
  accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER,
  provider_name TEXT, model_config_json TEXT);
INSERT INTO sessions (id, working_dir, created_at, updated_at, accumulated_total_tokens, accumulated_input_tokens,
  accumulated_output_tokens, provider_name, model_config_json) VALUES
 ('20260401_2', '/home/dev/old', '2026-04-01 11:00:00', '2026-04-01 11:05:00', 110, 100, 10, 'openai', '{"model_name":"gpt-5"}');
