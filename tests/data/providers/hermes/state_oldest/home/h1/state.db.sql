-- the first schema: no cache, no cost
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, model_config TEXT, system_prompt TEXT,
  parent_session_id TEXT, started_at REAL NOT NULL, ended_at REAL, end_reason TEXT,
  message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0,
  input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0);
INSERT INTO sessions (id, source, model, started_at, input_tokens, output_tokens) VALUES
 ('a', 'cli', 'hermes-4-405b', 1767225600.5, 1200, 30),
 ('b', 'cli', 'glm-4.6', 1767225700, 200, 30);
