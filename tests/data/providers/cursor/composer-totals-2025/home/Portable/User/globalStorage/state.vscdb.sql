CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
INSERT INTO cursorDiskKV VALUES ('composerData:c-3', '{"composerId":"c-3","createdAt":1763632800000,"usageData":{"claude-4.5-sonnet":{"costInCents":123,"amount":2},"default":{"costInCents":4.5,"amount":1},"gpt-5":{"costInCents":0,"amount":0},"o3":"no object"},"modelConfig":{"modelName":"default"},"totalLinesAdded":0,"trackedGitRepos":[{"repoPath":"/srv/repo"}]}');
INSERT INTO cursorDiskKV VALUES ('bubbleId:c-3:b-20', '{"type":2,"bubbleId":"b-20","createdAt":"2025-11-20T10:00:05Z","tokenCount":{"inputTokens":0,"outputTokens":0}}');
INSERT INTO cursorDiskKV VALUES ('composerData:c-4', '{"composerId":"c-4","createdAt":1770458400000,"usageData":{"gpt-5.2":{"costInCents":50,"amount":3}},"totalLinesAdded":5}');
INSERT INTO cursorDiskKV VALUES ('composerData:c-5', '{"composerId":"c-5","usageData":{"gpt-5.2":{"costInCents":50,"amount":3}},"totalLinesAdded":5}');
INSERT INTO cursorDiskKV VALUES ('composerData:empty-state-draft', '{"composerId":"empty-state-draft","createdAt":"soon","isDraft":true}');
