CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
INSERT INTO ItemTable VALUES ('cursorAuth/accessToken', 'eyJhbGciOiAiSFMyNTYifQ.eyJzdWIiOiAiYXV0aDB8dXNlcl8wMVBMQU5URUQiLCAiZXhwIjogMTk5OTk5OTk5OX0.sk-planted-0001');
INSERT INTO ItemTable VALUES ('cursorAuth/cachedEmail', 'planted@example.com');
INSERT INTO ItemTable VALUES ('cursorAuth/stripeMembershipType', 'pro');
INSERT INTO ItemTable VALUES ('aiCodeTracking.dailyStats.v1.5.2026-11-26', '{"date":"2026-11-26","tabSuggestedLines":1,"tabAcceptedLines":1}');
INSERT INTO ItemTable VALUES ('aiCodeTracking.dailyStats.v1.6.2026-11-27', '{"date":"2026-11-27","tabSuggestedLines":40,"tabAcceptedLines":22,"composerSuggestedLines":310,"composerAcceptedLines":"many"}');
INSERT INTO cursorDiskKV VALUES ('composerData:c-10', '{"composerId":"c-10","createdAt":1795680000000,"createdOnBranch":"feature/x","workspaceIdentifier":{"uri":{"fsPath":"/srv/app"}},"usageData":{}}');
