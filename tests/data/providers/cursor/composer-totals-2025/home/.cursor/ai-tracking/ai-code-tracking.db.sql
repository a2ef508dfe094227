CREATE TABLE ai_code_hashes (hash TEXT PRIMARY KEY, source TEXT NOT NULL, timestamp INTEGER, model TEXT);
INSERT INTO ai_code_hashes VALUES ('h1', 'tab', 1763632800000000, '');
INSERT INTO ai_code_hashes VALUES ('h2', 'tab', 1763632801000000, '');
INSERT INTO ai_code_hashes VALUES ('h3', 'terminal', 1763632860, 'gpt-5');
