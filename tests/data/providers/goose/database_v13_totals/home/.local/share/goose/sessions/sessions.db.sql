CREATE TABLE sessions (
  id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '',
  session_type TEXT NOT NULL DEFAULT 'user', working_dir TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  extension_data TEXT DEFAULT '{}',
  total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER,
  accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER,
  accumulated_cost REAL, provider_name TEXT, model_config_json TEXT);
-- running totals win over the last request's counts
INSERT INTO sessions (id, working_dir, created_at, updated_at, total_tokens, input_tokens, output_tokens,
  accumulated_total_tokens, accumulated_input_tokens, accumulated_output_tokens, accumulated_cost,
  provider_name, model_config_json) VALUES
 ('20260401_1', '/home/dev/shop', '2026-04-01 07:00:00', '2026-04-01 08:00:00', 300, 250, 50, 6000, 5000, 1000, 0.03, 'anthropic', '{"model_name":"claude-sonnet-4-5"}'),
-- a running total of 0 does not; the total lacks
 ('20260401_2', '/home/dev/shop', '2026-04-01T09:30:00.500Z', '2026-04-01 09:31:00', NULL, 100, 20, 0, 0, 0, 0.0, 'azure_openai', '{"name":"gpt-5-mini"}'),
-- a model nobody has a price for keeps its tokens; what only the total knows of is output
 ('20260401_3', '/home/dev/lab', 1775034000, '2026-04-01 09:10:00', NULL, NULL, NULL, 1300, 1000, 200, NULL, 'ollama', '{"model_name":"our-own-model"}'),
-- nothing used, no model, a model that is no JSON, a date that is none
 ('20260401_4', '/home/dev/lab', '2026-04-01 10:00:00', '2026-04-01 10:00:00', 0, 0, 0, 0, 0, 0, NULL, 'openai', '{"model_name":"gpt-5"}'),
 ('20260401_5', '/home/dev/lab', '2026-04-01 10:00:00', '2026-04-01 10:00:00', 9, 8, 1, 9, 8, 1, NULL, 'openai', NULL),
 ('20260401_6', '/home/dev/lab', '2026-04-01 10:00:00', '2026-04-01 10:00:00', 9, 8, 1, 9, 8, 1, NULL, 'openai', '{"model_name'),
 ('20260401_7', '/home/dev/lab', 'soon', '2026-04-01 10:00:00', 9, 8, 1, 9, 8, 1, NULL, 'openai', '{"model_name":"gpt-5"}');
