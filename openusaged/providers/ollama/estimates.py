"""
Guesses the tokens of the desktop app's chats for display: four bytes are taken for one token.

The app records none.  A guess is no event: it would be added to tokens that were counted.  Only
lengths are asked for, the texts stay in the database.
"""

from __future__ import annotations

import math
from typing import Final

from openusaged.core.errors import ProviderError
from openusaged.providers.ollama.model_names import plain_model
from openusaged.providers.ollama.moments import as_moment_ms
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_text, count_or_zero
from openusaged.providers.shared.sqlite_ro import open_read_only

BYTES_PER_TOKEN: Final = 4
MAX_MESSAGES: Final = 2000
"""The newest ones: a week of chatting, and a bound for what one poll costs."""

_DAY_MS: Final = 86_400_000
_NEEDED: Final = {"id", "chat_id", "role", "created_at", "model_name", "content"}


def note_estimates(figures: Figures, database_path: str, now_ms: int) -> None:
    """Put the estimated tokens of a day and of a week, also by model, among the figures."""
    try:
        rows = _rows(database_path)
    except ProviderError as error:
        figures.failed("desktop", error)
        return
    by_model: dict[str, int] = {}
    day = 0
    chat: object = None
    pending = 0
    for chat_id, role, model, created, size in rows:
        if chat_id != chat:
            chat, pending = chat_id, 0
        if role == "user":
            pending += count_or_zero(size)
        name = plain_model(as_text(model)) if role == "assistant" else ""
        if not name:
            continue
        tokens = _tokens(pending) + _tokens(count_or_zero(size))
        pending = 0
        age_ms = now_ms - (as_moment_ms(created) or 0)
        if tokens and age_ms <= 7 * _DAY_MS:
            by_model[name] = by_model.get(name, 0) + tokens
            day += tokens if age_ms <= _DAY_MS else 0
    if day:
        figures.add("estimated_tokens_1d", used=day)
    if by_model:
        figures.add("estimated_tokens_7d", used=sum(by_model.values()))
        figures.note("token_estimation", "chars_div_4")
    for name in sorted(by_model, key=lambda one: (-by_model[one], one)):
        figures.add(f"estimated_tokens_7d:{name}", used=by_model[name])


def _rows(path: str) -> list[tuple[object, ...]]:
    with open_read_only(path) as database, database.snapshot():
        columns = database.columns("messages")
        if not columns >= _NEEDED:
            return []
        thinking = "coalesce(length(CAST(thinking AS BLOB)), 0)" if "thinking" in columns else "0"
        return database.rows(
            f"""
            SELECT chat_id, role, model_name, created_at,
                   coalesce(length(CAST(content AS BLOB)), 0) + {thinking}
            FROM messages
            WHERE id > (SELECT coalesce(max(id), 0) FROM messages) - ?
            ORDER BY chat_id, id
            """,
            (MAX_MESSAGES,),
        )


def _tokens(size: int) -> int:
    return math.ceil(size / BYTES_PER_TOKEN)
