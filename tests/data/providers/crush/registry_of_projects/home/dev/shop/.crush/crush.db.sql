PRAGMA journal_mode = WAL;
-- include: schema.sql

-- 3 answers; the counts are those of the last request only; the sub-agent's cost is inside
INSERT INTO sessions VALUES ('5c0e1f0a-0001', NULL, 'PLANTED PROMPT', 7, 18200, 350, 0.0421, 1780308600, 1780308000, NULL, NULL);
INSERT INTO sessions VALUES ('m2$$call_agent', '5c0e1f0a-0001', 'New Agent Session', 3, 900, 40, 0.0121, 1780308100, 1780308050, NULL, NULL);
INSERT INTO sessions VALUES ('title-5c0e1f0a-0001', '5c0e1f0a-0001', 'Generate a title', 0, 50, 5, 0.0001, 1780308002, 1780308001, NULL, NULL);
-- a flat rate: requests, but no cost
INSERT INTO sessions VALUES ('5c0e1f0a-0002', NULL, 'x', 2, 5000, 10, 0.0, 1780311610, 1780311600, NULL, NULL);
-- opened and never used
INSERT INTO sessions VALUES ('5c0e1f0a-0003', NULL, 'x', 0, 0, 0, 0.0, 1780312000, 1780312000, NULL, NULL);
INSERT INTO messages VALUES
 ('m1', '5c0e1f0a-0001', 'user', '[{"type":"text","data":{"text":"PLANTED PROMPT sk-planted-0001"}}]', '', 1780308000, 1780308000, NULL, NULL, 0),
 ('m2', '5c0e1f0a-0001', 'assistant', '[{"type":"tool_call","data":{"id":"call_1","name":"edit","input":"{\"file_path\":\"PLANTED\"}","finished":true}},{"type":"tool_call","data":{"id":"call_2","name":"mcp_github_create_issue","input":"{}","finished":true}},{"type":"finish","data":{"reason":"tool_use","time":1780308009}}]', 'claude-sonnet-4-5-20250929', 1780308003, 1780308009, 1780308009, 'anthropic', 0),
 ('m3', '5c0e1f0a-0001', 'tool', '["odd", {"type":"tool_result","data":{"tool_call_id":"call_1","name":"edit","content":"PLANTED OUTPUT","metadata":"{\"file_path\":\"/w/cart.go\",\"additions\":12,\"removals\":3,\"old_content\":\"PLANTED\",\"new_content\":\"PLANTED\"}","is_error":false}},{"type":"tool_result","data":{"tool_call_id":"call_2","name":"mcp_github_create_issue","content":"PLANTED","metadata":"no json","is_error":true}},{"type":"tool_result","data":{"tool_call_id":"call_3","content":"without a name"}}]', NULL, 1780308010, 1780308010, NULL, NULL, 0),
 ('m4', '5c0e1f0a-0001', 'assistant', '[{"type":"text","data":{"text":"ok"}}]', 'claude-sonnet-4-5-20250929', 1780308011, 1780308020, 1780308020, 'anthropic', 0),
 ('m5', '5c0e1f0a-0001', 'assistant', '[{"type":"text","data":{"text":"ok"}}]', 'gpt-5', 1780308500, 1780308600, 1780308600, 'openai', 0),
 ('m6', 'm2$$call_agent', 'assistant', '[]', 'claude-sonnet-4-5-20250929', 1780308051, 1780308060, 1780308060, 'anthropic', 0),
 ('m7', 'm2$$call_agent', 'tool', '[{"type":"tool_result","data":{"tool_call_id":"call_1","name":"grep","content":"PLANTED","metadata":"","is_error":false}}]', NULL, 1780308070, 1780308070, NULL, NULL, 0),
 ('m8', '5c0e1f0a-0002', 'user', '[{"type":"tool_result", half', '', 1780311600, 1780311600, NULL, NULL, 0),
 ('m9', '5c0e1f0a-0002', 'assistant', '[]', 'gemini-2.5-pro', 1780311601, 1780311610, 1780311610, 'gemini', 0);
