CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, data TEXT NOT NULL);
INSERT INTO message VALUES ('msg_1','ses_a','{"role":"assistant","providerID":"openai","modelID":"gpt-5-mini","time":{"created":1767261600000,"completed":1767261609000},"tokens":{"input":10,"output":2},"cost":0}');
