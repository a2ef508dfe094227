-- include: schema.sql

-- times in milliseconds, should a version ever write what the schema says; no answer yet
INSERT INTO sessions VALUES ('5c0e1f0a-0009', NULL, 'x', 0, 0, 0, 0.5, 1780135260000, 1780135200000, NULL, NULL);
