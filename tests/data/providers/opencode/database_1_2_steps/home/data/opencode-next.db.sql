-- 1.2 left the tokens out of the message: only its steps have them; a channel's database beside the usual one
CREATE TABLE session (id text PRIMARY KEY, project_id text, parent_id text, directory text, title text, time_created integer, time_updated integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
INSERT INTO session VALUES ('ses_9', 'p', NULL, '/srv/shop', 'PLANTED PROMPT', 1770199200000, 1770199200000);
INSERT INTO message VALUES ('msg_9', 'ses_9', 1770199200000, 1770199209000, '{"role": "assistant", "parentID": "msg_u", "modelID": "gpt-5.2", "providerID": "openai", "agent": "build", "path": {"cwd": "/srv/shop", "root": "/srv/shop"}, "time": {"created": 1770199200000, "completed": 1770199209000}, "finish": "stop"}');
INSERT INTO part VALUES ('prt_1', 'msg_9', 'ses_9', 1770199201000, 1770199201000, '{"type": "step-finish", "reason": "tool-calls", "cost": 0, "tokens": {"input": 1000, "output": 50, "reasoning": 10, "cache": {"read": 200, "write": 0}}}');
INSERT INTO part VALUES ('prt_2', 'msg_9', 'ses_9', 1770199202000, 1770199202000, '{"type": "text", "text": "PLANTED ANSWER"}');
INSERT INTO part VALUES ('prt_3', 'msg_9', 'ses_9', 1770199208000, 1770199208000, '{"type": "step-finish", "reason": "tool-calls", "cost": 0, "tokens": {"input": 300, "output": 20, "reasoning": 0, "cache": {"read": 1200, "write": 0}}}');
