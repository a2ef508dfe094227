"""
Pony entities over the schema: they describe the tables and serve the small ones.

The migrations are the authority on the schema; binding checks that every column named here
exists.  Hot paths run SQL on Pony's connection (`database.py`).  Whatever an entity holds stays in
this package: callers get the records of `records.py`.
"""

from __future__ import annotations

from typing import Any

from pony.orm import Database, Optional, PrimaryKey, Required


def define(db: Database) -> None:
    """Declare all entities on `db`; a function so that every store has its own."""
    _define_events(db)
    _define_aggregates(db)
    _define_sessions(db)
    _define_sources(db)
    _define_alerts(db)


def _int(column: str | None = None) -> Any:
    return Required(int, size=64, column=column)


def _maybe_int() -> Any:
    return Optional(int, size=64)


def _text() -> Any:
    return Optional(str, autostrip=False)


def _define_events(db: Database) -> None:
    entity: Any = db.Entity

    class Meta(entity):  # type: ignore[misc]
        _table_ = "meta"
        key = PrimaryKey(str, autostrip=False)
        value = _int()

    class Name(entity):  # type: ignore[misc]
        _table_ = "name"
        id = PrimaryKey(int, size=64)
        text = Required(str, autostrip=False, unique=True)

    class Event(entity):  # type: ignore[misc]
        _table_ = "event"
        id = PrimaryKey(int, size=64)
        identity = _int()
        ts_ms = _int()
        event_type = _int()
        source = _int()
        provider = _int()
        account = _int()
        client = _int()
        session = _int()
        agent = _int()
        flags = _int()
        project = _int()
        branch = _int()
        tool = _int()
        mcp_server = _int()
        mcp_function = _int()
        language = _int()
        service_tier = _int()
        response = _int()
        model = _int()
        status = _int()
        input = _maybe_int()
        cache_read = _maybe_int()
        cache_write_5m = _maybe_int()
        cache_write_1h = _maybe_int()
        output = _maybe_int()
        reasoning = _maybe_int()
        requests = _maybe_int()
        lines_added = _maybe_int()
        lines_removed = _maybe_int()
        cost_nano = _maybe_int()
        currency = _int()
        calc_nano = _maybe_int()
        price_source = _int()
        priorities = _int()

    class Identity(entity):  # type: ignore[misc]
        _table_ = "identity"
        hash = PrimaryKey(int, size=64)
        event = _int()

    class RecentIdentity(entity):  # type: ignore[misc]
        _table_ = "recent_identity"
        id = PrimaryKey(int, size=64)
        hash = _int()
        event = _int()


def _define_aggregates(db: Database) -> None:
    entity: Any = db.Entity

    class MessageBucket(entity):  # type: ignore[misc]
        _table_ = "message_bucket"
        quarter = _int()
        account = _int()
        provider = _int()
        client = _int()
        model = _int()
        project = _int()
        branch = _int()
        agent_kind = _int()
        currency = _int()
        requests = _int()
        errors = _int()
        turns = _int()
        input = _int()
        cache_read = _int()
        cache_write_5m = _int()
        cache_write_1h = _int()
        output = _int()
        reasoning = _int()
        calc_nano = _int()
        unpriced = _int()
        rec_nano = _int()
        rec_requests = _int()
        auto_nano = _int()
        auto_unpriced = _int()
        fallback_nano = _int()
        approx = _int()
        PrimaryKey(quarter, account, provider, client, model, project, branch, agent_kind, currency)

    class ToolBucket(entity):  # type: ignore[misc]
        _table_ = "tool_bucket"
        quarter = _int()
        account = _int()
        client = _int()
        project = _int()
        tool = _int()
        mcp_server = _int()
        mcp_function = _int()
        language = _int()
        calls = _int()
        errors = _int()
        aborted = _int()
        lines_added = _int()
        lines_removed = _int()
        PrimaryKey(quarter, account, client, project, tool, mcp_server, mcp_function, language)


def _define_sessions(db: Database) -> None:
    entity: Any = db.Entity

    class Session(entity):  # type: ignore[misc]
        _table_ = "session"
        id = PrimaryKey(int, size=64)
        source = _int()
        session_id = Required(str, autostrip=False)
        account = _int()
        client = _int()
        project = _int()
        branch = _int()
        parent = _text()
        first_ms = _int()
        last_ms = _int()
        last_quarter = _int()
        events = _int()
        tool_calls = _int()

    class SessionModel(entity):  # type: ignore[misc]
        _table_ = "session_model"
        session = _int()
        provider = _int()
        model = _int()
        currency = _int()
        requests = _int()
        errors = _int()
        turns = _int()
        input = _int()
        cache_read = _int()
        cache_write_5m = _int()
        cache_write_1h = _int()
        output = _int()
        reasoning = _int()
        calc_nano = _int()
        unpriced = _int()
        rec_nano = _int()
        rec_requests = _int()
        auto_nano = _int()
        auto_unpriced = _int()
        fallback_nano = _int()
        approx = _int()
        PrimaryKey(session, provider, model, currency)


def _define_sources(db: Database) -> None:
    entity: Any = db.Entity

    class SourceCursorRow(entity):  # type: ignore[misc]
        _table_ = "source_cursor"
        path = PrimaryKey(str, autostrip=False)
        source = _text()
        account = _text()
        device = _int()
        inode = _int()
        size = _int()
        mtime_ns = _int()
        read_offset = _int()
        state = Optional(bytes)
        state_version = _int()

    class SnapshotRow(entity):  # type: ignore[misc]
        _table_ = "snapshot"
        provider = Required(str, autostrip=False)
        account = Required(str, autostrip=False)
        good = Optional(bytes)
        metric_times = Optional(bytes)
        status = _text()
        message = _text()
        ts_ms = _int()
        failures = _int()
        retry_at_ms = _int()
        PrimaryKey(provider, account)

    class SeriesPoint(entity):  # type: ignore[misc]
        _table_ = "series_point"
        account = _int()
        metric = _int()
        ts_ms = _int()
        used = Optional(float)
        cap = Optional(float)
        remaining = Optional(float)
        resets_at_ms = _maybe_int()
        PrimaryKey(account, metric, ts_ms)


def _define_alerts(db: Database) -> None:
    entity: Any = db.Entity

    class AlertStateRow(entity):  # type: ignore[misc]
        _table_ = "alert_state"
        rule = Required(str, autostrip=False)
        subject = Required(str, autostrip=False)
        active = _int()
        window_ms = _int()
        fired_ms = _int()
        PrimaryKey(rule, subject)

    class AlertLogRow(entity):  # type: ignore[misc]
        _table_ = "alert_log"
        id = PrimaryKey(int, size=64)
        ts_ms = _int()
        rule = Required(str, autostrip=False)
        outcome = _text()
        facts = Required(bytes)
        deliveries = Required(bytes)

    class AlertMuteRow(entity):  # type: ignore[misc]
        _table_ = "alert_mute"
        rule = PrimaryKey(str, autostrip=False)
        until_ms = _int()
