CREATE TABLE history (id INTEGER PRIMARY KEY, command TEXT);
INSERT INTO history VALUES (1, 'PLANTED PROMPT');
CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT);
INSERT INTO conversations VALUES ('/Users/dev/proj', '{"conversation_id": "q-1", "model_info": {"model_id": "claude-4-sonnet"}, "history": [[{"user": 1}, {"assistant": 2}], {"user": {"additional_context": "", "content": {"Prompt": {"prompt": "PLANTED PROMPT"}}}, "assistant": {"Response": {}}, "request_metadata": {"request_id": "22222222-0000-4000-8000-000000000001", "stream_end_timestamp_ms": 1756713600000, "uncached_input_tokens": null, "output_tokens": null}}]}');
INSERT INTO conversations VALUES ('/Users/dev/other', '');
INSERT INTO conversations VALUES ('/Users/dev/nameless', '{"history":[]}');
