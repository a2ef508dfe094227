PRAGMA journal_mode = WAL;
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (30);
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, model_config TEXT, system_prompt TEXT,
  system_prompt_hash TEXT, parent_session_id TEXT, started_at REAL NOT NULL, ended_at REAL, end_reason TEXT,
  message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0,
  input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0, cache_read_tokens INTEGER DEFAULT 0,
  cache_write_tokens INTEGER DEFAULT 0, reasoning_tokens INTEGER DEFAULT 0,
  cwd TEXT, git_branch TEXT, git_repo_root TEXT, billing_provider TEXT, billing_base_url TEXT, billing_mode TEXT,
  estimated_cost_usd REAL, actual_cost_usd REAL, cost_status TEXT, cost_source TEXT, pricing_version TEXT,
  title TEXT, api_call_count INTEGER DEFAULT 0);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL,
  content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL, token_count INTEGER);
CREATE TABLE session_model_usage (
  session_id TEXT NOT NULL, model TEXT NOT NULL, billing_provider TEXT NOT NULL DEFAULT '',
  billing_base_url TEXT NOT NULL DEFAULT '', billing_mode TEXT NOT NULL DEFAULT '', task TEXT NOT NULL DEFAULT '',
  api_call_count INTEGER NOT NULL DEFAULT 0, input_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0, cache_read_tokens INTEGER NOT NULL DEFAULT 0,
  cache_write_tokens INTEGER NOT NULL DEFAULT 0, reasoning_tokens INTEGER NOT NULL DEFAULT 0,
  estimated_cost_usd REAL NOT NULL DEFAULT 0, actual_cost_usd REAL NOT NULL DEFAULT 0,
  cost_status TEXT, cost_source TEXT, first_seen REAL, last_seen REAL,
  PRIMARY KEY (session_id, model, billing_provider, billing_base_url, billing_mode, task));

-- reasoning is a part of the output; the billed amount wins over the estimate
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, started_at, input_tokens, output_tokens,
  cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider,
  estimated_cost_usd, actual_cost_usd, title, api_call_count)
VALUES ('20260601_100000_a1b2c3', 'cli', 'dev@example.com', 'anthropic/claude-sonnet-4.5', '{"key":"sk-planted-0001"}',
  'PLANTED PROMPT', 1780308000.25, 1000, 400, 20000, 3000, 150, '/home/dev/shop/api', 'main', '/home/dev/shop',
  'openrouter', 0.02, 0.0251, 'PLANTED PROMPT', 4);
-- a compression continued it in a row of its own; a subscription's estimate is no cost
INSERT INTO sessions (id, source, model, parent_session_id, started_at, input_tokens, output_tokens, reasoning_tokens,
  billing_provider, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, api_call_count)
VALUES ('20260601_110000_d4e5f6', 'telegram', 'gpt-5', '20260601_100000_a1b2c3', 1780311600.0, 500, 60, 90,
  'openai-codex', 'subscription_included', 0.001225, NULL, 'included', 1);
-- floats in integer columns, negative counts, an estimate alone
INSERT INTO sessions (id, source, model, started_at, input_tokens, output_tokens, cache_read_tokens, billing_provider,
  estimated_cost_usd, actual_cost_usd)
VALUES ('20260601_120000_aaaaaa', 'cli', 'gpt-5-nano', 1780315200000, 300.0, -4, 0, 'custom', 0.5, 0.0);
-- nothing used; no model; no begin
INSERT INTO sessions (id, source, model, started_at, estimated_cost_usd) VALUES ('20260601_130000_bbbbbb', 'cli', 'gpt-5', 1780318800, 0.0);
INSERT INTO sessions (id, source, model, started_at, input_tokens) VALUES ('20260601_130000_cccccc', 'cli', '  ', 1780318800, 5);
INSERT INTO sessions (id, source, model, started_at, input_tokens) VALUES ('20260601_130000_dddddd', 'cli', 'gpt-5', 0, 5);

INSERT INTO session_model_usage (session_id, model, billing_provider, task, api_call_count, input_tokens, output_tokens,
  cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, first_seen, last_seen) VALUES
 ('20260601_100000_a1b2c3', 'anthropic/claude-sonnet-4.5', 'openrouter', '', 3, 900, 380, 20000, 3000, 150, 0.019, 0, 1780308001, 1780308100),
 ('20260601_100000_a1b2c3', 'anthropic/claude-sonnet-4.5', 'openrouter', 'voice_chat', 1, 100, 20, 0, 0, 0, 0.001, 0, 1780308050, 1780308050),
 ('20260601_100000_a1b2c3', 'gemini-2.5-flash', 'gemini', 'vision', 2, 4000, 100, 0, 0, 0, 0.0, 0, 1780308030.5, 1780308090);

INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp) VALUES
 ('20260601_100000_a1b2c3', 'user', 'PLANTED PROMPT', NULL, NULL, NULL, 1780308000.5),
 ('20260601_100000_a1b2c3', 'assistant', 'PLANTED ANSWER', NULL, '[{"id":"call_1","function":{"name":"terminal","arguments":"sk-planted-0001"}}]', NULL, 1780308002),
 ('20260601_100000_a1b2c3', 'tool', 'PLANTED OUTPUT', 'call_1', NULL, 'terminal', 1780308003),
 ('20260601_100000_a1b2c3', 'tool', 'PLANTED OUTPUT', 'toolu_01LongIdOfTheVendor', NULL, 'mcp__github__create_issue', 1780308004),
 ('20260601_100000_a1b2c3', 'tool', 'PLANTED OUTPUT', 'call_2', NULL, NULL, 1780308005),
-- the continued session repeats what the compression kept
 ('20260601_110000_d4e5f6', 'tool', 'PLANTED OUTPUT', 'toolu_01LongIdOfTheVendor', NULL, 'mcp__github__create_issue', 1780311600);
