"""The smallest line of a Claude transcript that carries usage."""

from __future__ import annotations

import json


def line(number: int) -> str:
    """One response `msg_<number>` of 10 input and `number` output tokens."""
    row = {
        "type": "assistant",
        "uuid": f"u{number}",
        "sessionId": "s1",
        "requestId": f"req_{number}",
        "timestamp": "2026-11-01T10:00:00.000Z",
        "cwd": "/w",
        "version": "2.1.330",
        "isSidechain": False,
        "message": {
            "id": f"msg_{number}",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "stop_reason": "end_turn",
            "content": [],
            "usage": {"input_tokens": 10, "output_tokens": number},
        },
    }
    return json.dumps(row, separators=(",", ":")) + "\n"
