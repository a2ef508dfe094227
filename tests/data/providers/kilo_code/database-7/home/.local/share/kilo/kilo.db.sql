PRAGMA journal_mode = WAL;
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, slug TEXT NOT NULL,
  directory TEXT NOT NULL, title TEXT NOT NULL, version TEXT NOT NULL, time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL,
  time_updated INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT NOT NULL, session_id TEXT NOT NULL,
  time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL, data TEXT NOT NULL);
INSERT INTO session VALUES
 ('ses_1','p',NULL,'s','/home/dev/proj','PLANTED PROMPT','7.0.0',1767261590000,1767261700000),
 ('ses_2','p','ses_1','s','/home/dev/proj','PLANTED PROMPT','7.0.0',1767261630000,1767261700000),
 ('ses_fork','p',NULL,'s','/home/dev/proj','PLANTED PROMPT','7.0.0',1767265200000,1767265200000),
 ('ses_old','p',NULL,'s','/home/dev/old','PLANTED PROMPT','v2',1751364000000,1751364000000);
INSERT INTO message VALUES
 ('msg_00','ses_1',1767261590000,1767261590000,'{"role":"user","time":{"created":1767261590000},"text":"PLANTED PROMPT sk-planted-0001"}'),
 ('msg_01','ses_1',1767261600000,1767261609000,
  '{"role":"assistant","parentID":"msg_00","providerID":"anthropic","modelID":"claude-sonnet-4-5","time":{"created":1767261600000,"completed":1767261609000},"tokens":{"cache":{"read":2048,"write":64},"input":310,"output":77,"reasoning":12,"total":2511},"agent":"code","mode":"code","cost":0.0067,"finish":"tool-calls","path":{"cwd":"/home/dev/proj/api","root":"/home/dev/proj"}}'),
 ('msg_02','ses_1',1767261610000,1767261612000,
  '{"role":"assistant","parentID":"msg_00","providerID":"kilo","modelID":"openai/gpt-5-mini","time":{"created":1767261610000,"completed":1767261612000},"tokens":{"cache":{"read":0,"write":0},"input":1000,"output":0,"reasoning":0,"total":1200},"agent":"code","cost":0,"finish":"stop","path":{"cwd":"/home/dev/proj","root":"/home/dev/proj"}}'),
 ('msg_03','ses_2',1767261640000,1767261645000,
  '{"role":"assistant","parentID":"msg_x","providerID":"anthropic","modelID":"claude-haiku-4-5","time":{"created":1767261640000,"completed":1767261645000},"error":{"name":"MessageAbortedError","data":{"message":"PLANTED ANSWER"}},"tokens":{"cache":{"read":"50","write":null},"input":20,"output":5,"reasoning":[]},"agent":"explore","cost":"0.0001","path":{"cwd":7}}'),
 ('msg_04','ses_1',1767261650000,1767261650000,
  '{"role":"assistant","parentID":"msg_00","providerID":"anthropic","modelID":"claude-sonnet-4-5","time":{"created":1767261650000},"tokens":{"cache":{"read":0,"write":0},"input":0,"output":0,"reasoning":0},"agent":"code","cost":0,"path":{"cwd":"/home/dev/proj","root":"/home/dev/proj"}}'),
 ('msg_05','ses_1',1767261660000,1767261660000,'{"role":"assistant", half'),
 ('msg_90','ses_fork',1767261600000,1767265200000,
  '{"role":"assistant","parentID":"msg_80","providerID":"anthropic","modelID":"claude-sonnet-4-5","time":{"created":1767261600000,"completed":1767261609000},"tokens":{"cache":{"read":2048,"write":64},"input":310,"output":77,"reasoning":12,"total":2511},"agent":"code","cost":0.0067,"path":{"cwd":"/home/dev/proj","root":"/home/dev/proj"}}'),
 ('msg_91','ses_old',1751364000000,1751364000000,
  '{"role":"assistant","parentID":"msg_91","providerID":"legacy","modelID":"legacy","time":{"created":1751364000000,"completed":1751364000000},"tokens":{"cache":{"read":0,"write":0},"input":0,"output":0,"reasoning":0},"agent":"main","cost":0,"path":{"cwd":"/home/dev/old","root":"/home/dev/old"}}');
INSERT INTO part VALUES
 ('prt_01','msg_01','ses_1',1,1,'{"type":"text","text":"PLANTED ANSWER about the \"tool\""}'),
 ('prt_02','msg_01','ses_1',1,1,'{"type":"tool","callID":"toolu_1","tool":"edit","state":{"status":"completed","input":{"filePath":"/home/dev/proj/api/app.ts","oldString":"PLANTED"},"output":"PLANTED ANSWER","metadata":{"filediff":{"additions":4,"deletions":1}},"time":{"start":1767261605000,"end":1767261606000}}}'),
 ('prt_03','msg_01','ses_1',1,1,'{"type":"tool","callID":"toolu_2","tool":"mcp__GitHub__create_issue","state":{"status":"error","input":{},"error":"PLANTED","time":{"start":1767261607000,"end":1767261607500}}}'),
 ('prt_04','msg_04','ses_1',1,1,'{"type":"tool","callID":"toolu_3","tool":"bash","state":{"status":"running","input":{"command":"PLANTED"},"time":{"start":1767261655000}}}'),
 ('prt_91','msg_91','ses_old',1,1,'{"type":"tool","callID":"toolu_9","tool":"read","state":{"status":"completed","input":{},"time":{"start":1751364000000}}}');
