CREATE TABLE ai_code_hashes (hash TEXT PRIMARY KEY, source TEXT NOT NULL, fileExtension TEXT, fileName TEXT,
  requestId TEXT, conversationId TEXT, timestamp INTEGER, createdAt INTEGER NOT NULL, model TEXT);
INSERT INTO ai_code_hashes VALUES ('h1', 'composer', 'py', 'svc/app.py', 'req-1', 'c-1', 1768055300000, 1768055300000, 'claude-4.5-sonnet');
INSERT INTO ai_code_hashes VALUES ('h2', 'cli', '.go', 'main.go', 'req-7', 'conv-7', 1768141800000, 1768141800000, 'gpt-5.2');
INSERT INTO ai_code_hashes VALUES ('h3', 'cli', 'go', 'main_test.go', 'req-7', 'conv-7', 1768141801000, 1768141801000, 'gpt-5.2');
INSERT INTO ai_code_hashes VALUES ('h4', 'cli', 'md', NULL, 'req-7', 'conv-7', 1768141802000, 1768141802000, 'gpt-5.2');
INSERT INTO ai_code_hashes VALUES ('h5', 'human', 'py', 'own.py', NULL, 'c-1', 1768141802000, 1768141802000, NULL);
INSERT INTO ai_code_hashes VALUES ('h6', 'tab', 'ts', 'web/x.ts', NULL, 'c-1', 1768208400000, 1768208400000, NULL);
INSERT INTO ai_code_hashes VALUES ('h7', 'tab', 'ts', 'web/y.ts', NULL, 'c-1', 1768208401000, 1768208401000, '');
INSERT INTO ai_code_hashes VALUES ('h8', 'cloud-agent', 'rs', 'lib.rs', 'req-8', 'conv-8', 1768208460, 1768208460, 'composer-1');
INSERT INTO ai_code_hashes VALUES ('h9', 'cli', 'py', 'zero.py', 'req-9', 'conv-9', 0, 0, 'gpt-5.2');
INSERT INTO ai_code_hashes VALUES ('h10', 'cli', 'py', 'late.py', 'req-10', 'conv-7', 1770458400000, 1770458400000, 'gpt-5.2');
