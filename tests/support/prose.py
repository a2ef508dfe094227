"""
Text that fills generated logs to realistic proportions, and the canaries hidden in it.

Everything a person or a model would have written comes from here, so that one search for the
canaries proves that none of it was kept.  All text is ready to stand inside a JSON string.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass

_TEXT = (
    "the cart total is wrong when a coupon applies twice so we round late and keep cents as "
    "integers until the receipt prints please add a test for leap days and the empty basket "
    "function returns early if list has no items handler retries with backoff queue drains "
    "index scan plan shows nested loop over orders table migrate column default null safe"
)
WORDS = tuple(_TEXT.split())
SNIPPETS = (
    r"\n    if total < 0:\n        raise ValueError(\"negative\")\n",
    r"\n{\"usage\":{\"input_tokens\":777777,\"output_tokens\":888888}}\n",
    r"\t\"type\":\"token_count\",\"info\":{\"total_token_usage\":{\"total_tokens\":999999}}",
    "\u6ce8\u610f\uff1a\u5408\u8a08\u306f\u6574\u6570\u3067\u8a08\u7b97\u3059\u308b \U0001f9ea na\u00efve caf\u00e9 ",
    r" \u0000\u001b[31mred\u001b[0m ",
)


@dataclass(frozen=True, slots=True)
class Canaries:
    """Unique strings, one per kind of text; none may ever be found outside the vendor's logs."""

    prose: str
    prompt: str
    answer: str
    thinking: str
    tool_input: str
    tool_output: str
    path: str
    title: str
    email: str
    anthropic_key: str
    openai_key: str
    github_token: str

    def all(self) -> tuple[str, ...]:
        """Every canary."""
        return tuple(getattr(self, name) for name in self.__slots__)


def canaries(rng: random.Random) -> Canaries:
    """Canaries of one home, unique by the seed."""

    def mark() -> str:
        return f"{rng.getrandbits(48):012x}"

    return Canaries(
        prose=f"canary-prose-{mark()}",
        prompt=f"canary-prompt-{mark()}",
        answer=f"canary-answer-{mark()}",
        thinking=f"canary-thinking-{mark()}",
        tool_input=f"canary-toolinput-{mark()}",
        tool_output=f"canary-tooloutput-{mark()}",
        path=f"canary_path_{mark()}",
        title=f"canary-title-{mark()}",
        email=f"canary.{mark()}@example.com",
        anthropic_key=f"sk-ant-api03-{mark()}{mark()}{mark()}",
        openai_key=f"sk-proj-{mark()}{mark()}{mark()}",
        github_token=f"ghp_{mark()}{mark()}{mark()}",
    )


class Prose:
    """A pool of paragraphs, cut at paragraph boundaries so that no escape is torn."""

    def __init__(self, rng: random.Random, marks: Canaries, *, pool_chars: int = 400_000) -> None:
        self._rng = rng
        secrets = (marks.email, marks.anthropic_key, marks.openai_key, marks.github_token)
        paragraphs: list[str] = []
        self._bounds = [0]
        position = 0
        while position < pool_chars:
            words = rng.choices(WORDS, k=rng.randint(12, 60))
            if rng.random() < 0.2:
                words.insert(rng.randrange(len(words)), rng.choice(SNIPPETS))
            if rng.random() < 0.1:
                words.insert(rng.randrange(len(words)), marks.prose)
            if rng.random() < 0.05:
                words.insert(rng.randrange(len(words)), rng.choice(secrets))
            text = " ".join(words) + r".\n"
            paragraphs.append(text)
            position += len(text)
            self._bounds.append(position)
        self._text = "".join(paragraphs)

    def take(self, chars: int) -> str:
        """At least `chars` characters of text (none for 0), repeated when longer than the pool."""
        if chars <= 0:
            return ""
        size = self._bounds[-1]
        if chars >= size // 2:
            return self._text * (chars // size + 1)
        start = self._rng.randrange(len(self._bounds) // 2)
        begin = self._bounds[start]
        end = bisect_left(self._bounds, begin + chars, lo=start)
        return self._text[begin : self._bounds[end]]
