PRAGMA user_version = 2;
CREATE TABLE schema_history (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_ms INTEGER NOT NULL, app_version TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    identity INTEGER NOT NULL, ts_ms INTEGER NOT NULL, event_type INTEGER NOT NULL,
    source INTEGER NOT NULL, provider INTEGER NOT NULL, account INTEGER NOT NULL,
    client INTEGER NOT NULL, session INTEGER NOT NULL, agent INTEGER NOT NULL,
    flags INTEGER NOT NULL, project INTEGER NOT NULL, branch INTEGER NOT NULL,
    tool INTEGER NOT NULL, mcp_server INTEGER NOT NULL, mcp_function INTEGER NOT NULL,
    language INTEGER NOT NULL, service_tier INTEGER NOT NULL, response INTEGER NOT NULL,
    model INTEGER NOT NULL, status INTEGER NOT NULL,
    input INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,
    output INTEGER, reasoning INTEGER, requests INTEGER,
    lines_added INTEGER, lines_removed INTEGER,
    cost_nano INTEGER, currency INTEGER NOT NULL,
    calc_nano INTEGER, price_source INTEGER NOT NULL,
    priorities INTEGER NOT NULL) STRICT;
CREATE TABLE identity (hash INTEGER NOT NULL PRIMARY KEY, event INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE recent_identity (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, event INTEGER NOT NULL) STRICT;
CREATE TABLE message_bucket (
    quarter INTEGER NOT NULL, account INTEGER NOT NULL, provider INTEGER NOT NULL,
    client INTEGER NOT NULL, model INTEGER NOT NULL, project INTEGER NOT NULL,
    branch INTEGER NOT NULL, agent_kind INTEGER NOT NULL, currency INTEGER NOT NULL,
    requests INTEGER NOT NULL, errors INTEGER NOT NULL, turns INTEGER NOT NULL,
    input INTEGER NOT NULL, cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
    calc_nano INTEGER NOT NULL, unpriced INTEGER NOT NULL,
    rec_nano INTEGER NOT NULL, rec_requests INTEGER NOT NULL,
    auto_nano INTEGER NOT NULL, auto_unpriced INTEGER NOT NULL,
    fallback_nano INTEGER NOT NULL, approx INTEGER NOT NULL,
    PRIMARY KEY (quarter, account, provider, client, model, project, branch, agent_kind,
    currency)) STRICT, WITHOUT ROWID;
CREATE TABLE tool_bucket (
    quarter INTEGER NOT NULL, account INTEGER NOT NULL, client INTEGER NOT NULL,
    project INTEGER NOT NULL, tool INTEGER NOT NULL, mcp_server INTEGER NOT NULL,
    mcp_function INTEGER NOT NULL, language INTEGER NOT NULL,
    calls INTEGER NOT NULL, errors INTEGER NOT NULL, aborted INTEGER NOT NULL,
    lines_added INTEGER NOT NULL, lines_removed INTEGER NOT NULL,
    PRIMARY KEY (quarter, account, client, project, tool, mcp_server, mcp_function, language)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, session_id TEXT NOT NULL,
    account INTEGER NOT NULL, client INTEGER NOT NULL, project INTEGER NOT NULL,
    branch INTEGER NOT NULL, parent TEXT NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, last_quarter INTEGER NOT NULL,
    events INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
    UNIQUE (session_id, source)) STRICT;
CREATE INDEX session_by_last_quarter ON session (last_quarter);
CREATE TABLE session_model (
    session INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
    currency INTEGER NOT NULL,
    requests INTEGER NOT NULL, errors INTEGER NOT NULL, turns INTEGER NOT NULL,
    input INTEGER NOT NULL, cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
    calc_nano INTEGER NOT NULL, unpriced INTEGER NOT NULL,
    rec_nano INTEGER NOT NULL, rec_requests INTEGER NOT NULL,
    auto_nano INTEGER NOT NULL, auto_unpriced INTEGER NOT NULL,
    fallback_nano INTEGER NOT NULL, approx INTEGER NOT NULL,
    PRIMARY KEY (session, provider, model, currency)) STRICT, WITHOUT ROWID;
CREATE TABLE source_cursor (
    path TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, account TEXT NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, read_offset INTEGER NOT NULL, state BLOB NOT NULL,
    state_version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE snapshot (
    provider TEXT NOT NULL, account TEXT NOT NULL,
    good BLOB, metric_times BLOB, status TEXT NOT NULL, message TEXT NOT NULL,
    ts_ms INTEGER NOT NULL, failures INTEGER NOT NULL, retry_at_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, account)) STRICT, WITHOUT ROWID;
CREATE TABLE series_point (
    account INTEGER NOT NULL, metric INTEGER NOT NULL, ts_ms INTEGER NOT NULL,
    used REAL, cap REAL, remaining REAL, resets_at_ms INTEGER,
    PRIMARY KEY (account, metric, ts_ms)) STRICT, WITHOUT ROWID;
CREATE TABLE alert_state (
    rule TEXT NOT NULL, subject TEXT NOT NULL,
    active INTEGER NOT NULL, window_ms INTEGER NOT NULL, fired_ms INTEGER NOT NULL,
    PRIMARY KEY (rule, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE alert_log (
    id INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL, rule TEXT NOT NULL,
    outcome TEXT NOT NULL, facts BLOB NOT NULL, deliveries BLOB NOT NULL) STRICT;
CREATE TABLE alert_mute (
    rule TEXT NOT NULL PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO schema_history VALUES (1, 'initial', 1790000000000, '0.1.0');
INSERT INTO schema_history VALUES (2, 'alerts', 1795000000000, '0.1.0');
INSERT INTO alert_state VALUES ('limit-80', 'claude-code/usage_seven_day', 1, 1795400000000, 1795000000000);
INSERT INTO alert_log VALUES (1, 1795000000000, 'limit-80', 'delivered', x'7b7d', x'7b226465736b746f70223a22227d');
INSERT INTO alert_mute VALUES ('', 1795100000000);
