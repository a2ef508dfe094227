CREATE TABLE scored_commits (commitHash TEXT, branchName TEXT, scoredAt INTEGER, linesAdded INTEGER, linesDeleted INTEGER,
  commitMessage TEXT, v1AiPercentage TEXT, v2AiPercentage TEXT, PRIMARY KEY (commitHash, branchName));
INSERT INTO scored_commits VALUES ('a1', 'main', 1795600000000, 12, 0, 'PLANTED PROMPT', '80.0', '80.0');
INSERT INTO scored_commits VALUES ('a1', 'dev', 1795600500000, 12, 0, 'PLANTED PROMPT', NULL, '70.0');
INSERT INTO scored_commits VALUES ('b2', 'main', 1795600000000, 3, 9, 'PLANTED PROMPT', NULL, '');
INSERT INTO scored_commits VALUES ('c3', 'main', 1795600000000, 30, 1, 'PLANTED PROMPT', NULL, '41.0');
INSERT INTO scored_commits VALUES ('d4', 'main', 1795600000000, 0, 5, 'PLANTED PROMPT', NULL, '100.0');
