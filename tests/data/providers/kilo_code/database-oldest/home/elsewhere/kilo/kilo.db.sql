CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, data TEXT NOT NULL);
INSERT INTO message VALUES
 ('row-1','ses_a','{"id":"msg_1","role":"assistant","providerID":"openai","modelID":"gpt-5-mini","time":{"created":1767261600,"completed":1767261609},"tokens":{"cache":{"read":4096,"write":0},"input":904,"output":100,"reasoning":20},"cost":0.0005,"path":{"root":"/home/dev/proj"}}'),
 ('row-2','ses_a','{"role":"assistant","modelID":"gpt-5-mini","time":{"created":1767261700000,"completed":1767261709000},"tokens":{"input":10,"output":2}}'),
 ('row-3','ses_a','{"role":"assistant","modelID":"gpt-5-mini","tokens":{"input":10,"output":2}}');
