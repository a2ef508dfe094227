"""History from other programs: the Go OpenUsage's database, ccusage's daily reports."""
