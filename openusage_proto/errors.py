"""
Error codes and slugs of the wire, defined once (spec/jsonrpc.md, Errors).

The JSON-RPC codes say what kind of failure it is; the slug in `message` is stable and machine
readable; words for people are in `data.detail`.
"""

from __future__ import annotations

from typing import Any, Final

PARSE_ERROR: Final = "parse_error"
INVALID_REQUEST: Final = "invalid_request"
METHOD_NOT_FOUND: Final = "method_not_found"
INVALID_PARAMS: Final = "invalid_params"
INTERNAL_ERROR: Final = "internal_error"

INVALID_EVENT: Final = "invalid_event"
LINE_TOO_LONG: Final = "line_too_long"
SHUTTING_DOWN: Final = "shutting_down"
TIMEOUT: Final = "timeout"
STORAGE_FAILED: Final = "storage_failed"
STORAGE_BUSY: Final = "storage_busy"
CONFIG_INVALID: Final = "config_invalid"
PROVIDER_FAILED: Final = "provider_failed"
AUTH_REQUIRED: Final = "auth_required"
UNKNOWN_ACCOUNT: Final = "unknown_account"
UNKNOWN_SOURCE: Final = "unknown_source"
TOO_MANY_CONNECTIONS: Final = "too_many_connections"
PERMISSION_DENIED: Final = "permission_denied"

CODES: Final[dict[str, int]] = {
    PARSE_ERROR: -32700,
    INVALID_REQUEST: -32600,
    METHOD_NOT_FOUND: -32601,
    INVALID_PARAMS: -32602,
    INTERNAL_ERROR: -32603,
    # Our own block, outside the range that JSON-RPC reserves.
    INVALID_EVENT: 1001,
    LINE_TOO_LONG: 1002,
    SHUTTING_DOWN: 1003,
    TIMEOUT: 1004,
    STORAGE_FAILED: 1005,
    STORAGE_BUSY: 1006,
    CONFIG_INVALID: 1007,
    PROVIDER_FAILED: 1008,
    AUTH_REQUIRED: 1009,
    UNKNOWN_ACCOUNT: 1010,
    UNKNOWN_SOURCE: 1011,
    TOO_MANY_CONNECTIONS: 1012,
    PERMISSION_DENIED: 1013,
}


class RpcError(Exception):
    """An error answer of the daemon: `code`, `slug` (the wire's `message`) and `data`."""

    def __init__(self, code: int, slug: str, data: Any = None) -> None:
        detail = data.get("detail") if isinstance(data, dict) else data
        super().__init__(f"{slug}: {detail}" if detail else slug)
        self.code = code
        self.slug = slug
        self.data = data

    @property
    def detail(self) -> str:
        """Words for people, or the slug when the daemon sent none."""
        detail = self.data.get("detail") if isinstance(self.data, dict) else self.data
        return str(detail) if detail else self.slug
