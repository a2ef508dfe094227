-- schema of version 18, as the desktop app makes it
PRAGMA journal_mode = WAL;
CREATE TABLE chats (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    browser_state TEXT
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id TEXT NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL DEFAULT '',
    thinking TEXT NOT NULL DEFAULT '',
    stream BOOLEAN NOT NULL DEFAULT 0,
    model_name TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    thinking_time_start TIMESTAMP,
    thinking_time_end TIMESTAMP,
    tool_result TEXT,
    FOREIGN KEY (chat_id) REFERENCES chats(id) ON DELETE CASCADE
);
CREATE INDEX idx_messages_chat_id ON messages(chat_id);
CREATE TABLE tool_calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    function_name TEXT NOT NULL,
    function_arguments TEXT NOT NULL,
    function_result TEXT,
    FOREIGN KEY (message_id) REFERENCES messages(id) ON DELETE CASCADE
);
CREATE INDEX idx_tool_calls_message_id ON tool_calls(message_id);
CREATE TABLE users (name TEXT, email TEXT, plan TEXT, cached_at TIMESTAMP);

INSERT INTO users VALUES ('Planted Name', 'planted@example.com', 'pro', '2026-03-04 10:00:00+02:00');
INSERT INTO chats (id, title, created_at) VALUES
    ('c1', 'PLANTED PROMPT', '2026-03-04 10:11:12.345678+02:00'),
    ('c2', 'PLANTED PROMPT', '2026-03-02 23:30:00');
INSERT INTO messages (id, chat_id, role, content, thinking, model_name, created_at) VALUES
    (1, 'c1', 'user', 'PLANTED PROMPT', '', 'llama3:latest', '2026-03-04 10:11:12.345678+02:00'),
    (2, 'c1', 'assistant', 'PLANTED ANSWER 8', 'abcd', 'llama3:latest', '2026-03-04 10:11:15.5+02:00'),
    (3, 'c1', 'tool', 'PLANTED RESULT', '', NULL, '2026-03-04 10:11:18+02:00'),
    (4, 'c1', 'assistant', '', '', 'gpt-oss:120b-cloud', '2026-03-04 10:11:20+02:00'),
    (5, 'c2', 'user', 'ééé', '', NULL, '2026-03-02 23:30:00'),
    (6, 'c2', 'assistant', 'abcde', '', 'registry/Models/Qwen3:8B', '2026-03-02 23:30:00.123456789-07:00'),
    (7, 'c2', 'assistant', 'PLANTED', '', NULL, '2026-03-02 23:30:00.123456789-07:00'),
    (8, 'c2', 'assistant', 'PLANTED', '', 'llama3', 'some time'),
    (9, 'c2', 'assistant', 'PLANTED8', '', 'glm-4.6:cloud', '2026-03-04 11:00:00.25 +0100 CET m=+0.5');
INSERT INTO tool_calls (message_id, type, function_name, function_arguments, function_result) VALUES
    (2, 'function', 'web_search', '{"query": "PLANTED PROMPT"}', '"PLANTED RESULT"'),
    (2, 'function', 'Web_Fetch', '{"url": "https://planted.example.com"}', NULL),
    (9, 'function', '', '{}', NULL);
