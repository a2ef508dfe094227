CREATE TABLE sessions (
  id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL,
  message_count INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
  completion_tokens INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0.0,
  updated_at INTEGER NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE messages (
  id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, parts TEXT NOT NULL DEFAULT '[]',
  model TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, finished_at INTEGER);
INSERT INTO sessions VALUES ('s-1', NULL, 'x', 2, 100, 10, 0.25, 1748764810, 1748764800);
INSERT INTO messages VALUES ('a', 's-1', 'assistant', '[]', 'claude-4-sonnet', 1748764801, 1748764810, NULL);
-- a session without a time of creation
INSERT INTO sessions VALUES ('s-2', NULL, 'x', 1, 0, 0, 0.125, 1748768400, 0);
