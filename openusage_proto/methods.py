"""Method names of the wire and the protocol version (spec/jsonrpc.md, Methods)."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = 1

READ_MODEL: Final = "read_model"
INGEST_TURN: Final = "ingest_turn"
STATUS: Final = "status"
SUBSCRIBE: Final = "subscribe"
UNSUBSCRIBE: Final = "unsubscribe"
REPORT: Final = "report"
SESSIONS: Final = "sessions"
EXPLAIN: Final = "explain"
ACTIVITY: Final = "activity"
SERIES: Final = "series"
ANALYTICS: Final = "analytics"
PROVIDERS: Final = "providers"
ACCOUNTS: Final = "accounts"
REFRESH: Final = "refresh"
SETTINGS_GET: Final = "settings_get"
SETTINGS_UPDATE: Final = "settings_update"
DETECT: Final = "detect"
CREDENTIAL_SET: Final = "credential_set"
CREDENTIAL_DELETE: Final = "credential_delete"
STATUSLINE: Final = "statusline"
STATUSLINE_INSTALL: Final = "statusline_install"
STATUSLINE_UNINSTALL: Final = "statusline_uninstall"
LINE: Final = "line"
LINE_CATALOG: Final = "line_catalog"
ALERTS: Final = "alerts"
ALERT_TEST: Final = "alert_test"
ALERT_MUTE: Final = "alert_mute"
BUDGETS: Final = "budgets"
PRIVACY: Final = "privacy"
PRICING: Final = "pricing"
REPRICE: Final = "reprice"
RECONCILE: Final = "reconcile"
INTEGRATIONS: Final = "integrations"
INTEGRATION_INSTALL: Final = "integration_install"
INTEGRATION_UNINSTALL: Final = "integration_uninstall"
DISCOVER: Final = "rpc.discover"

ALL: Final = (
    READ_MODEL,
    INGEST_TURN,
    STATUS,
    SUBSCRIBE,
    UNSUBSCRIBE,
    REPORT,
    SESSIONS,
    EXPLAIN,
    ACTIVITY,
    SERIES,
    ANALYTICS,
    PROVIDERS,
    ACCOUNTS,
    REFRESH,
    SETTINGS_GET,
    SETTINGS_UPDATE,
    DETECT,
    CREDENTIAL_SET,
    CREDENTIAL_DELETE,
    STATUSLINE,
    STATUSLINE_INSTALL,
    STATUSLINE_UNINSTALL,
    LINE,
    LINE_CATALOG,
    ALERTS,
    ALERT_TEST,
    ALERT_MUTE,
    BUDGETS,
    PRIVACY,
    PRICING,
    REPRICE,
    RECONCILE,
    INTEGRATIONS,
    INTEGRATION_INSTALL,
    INTEGRATION_UNINSTALL,
    DISCOVER,
)

# Notifications that the daemon pushes to subscribers.
READ_MODEL_CHANGED: Final = "read_model_changed"
