"""What is written to the log, what never is, and how often."""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusaged import logs
from openusaged.logs import RecentErrors, ThrottleFilter, configure, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123"
SECRETS = [
    "sk-ant-oat01-AbCdEf123456_-xyz",
    "sk-proj-abcdefghijkl",
    "gsk_abcdefgh12345678",
    "xai-abcdefgh12345678",
    "ghp_abcdefghij1234567890",
    "github_pat_11ABCDEFG0abcdefgh",
    "hf_abcdefghijklmnop",
    "xoxb-1234567890-abcdef",
    "AIzaSyA1234567890abcdefghijklmnop",
    "AKIAIOSFODNN7EXAMPLE",
    JWT,
    "someone.else+tag@mail.example.com",
]
IN_CONTEXT = [
    ("Authorization: Bearer abcdef.123456", "abcdef.123456"),
    ("{'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
    ("Cookie: session=abc123; other=def456", "def456"),
    ('"set-cookie": "sid=99aabb; Path=/"', "99aabb"),
    ("x-api-key: 0123456789abcdef", "0123456789abcdef"),
    ("access_token=zzz-yyy-xxx", "zzz-yyy-xxx"),
    ('{"refreshToken": "r-e-f-r"}', "r-e-f-r"),
    ('{"client_secret":"hush-hush"}', "hush-hush"),
    ("password=hunter2", "hunter2"),
    ("OPENAI_API_KEY=whatever-it-is", "whatever-it-is"),
    ("sessionKey: abcdef", "abcdef"),
    ("https://user:pa55word@host/path", "pa55word"),
    ("bearer abcdefghijk", "abcdefghijk"),
]
HARMLESS = [
    "event=started version=1.2.3 socket=/h/.local/state/openusage/telemetry.sock",
    "event=import tokens=123456 input_tokens=12 max_tokens: 4096",
    "event=poll account=claude-code status=OK next_poll_s=300",
    "model=claude-sonnet-4-5-20250929 sha=0f3a9c",
    "event=rpc_failed method=read_model incident=a1b2c3d4",
]


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in [h for h in root.handlers if h not in handlers]:
        root.removeHandler(handler)
    logging.captureWarnings(False)


class TestRedaction:
    @pytest.mark.parametrize("secret", SECRETS)
    @pytest.mark.parametrize("around", ["{}", "event=x value={}", "'{}'", "({})", "a {} b"])
    def test_secret_shapes(self, secret: str, around: str) -> None:
        """Tokens, keys and addresses are recognised by their shape."""
        text = redact(around.format(secret))
        assert secret not in text
        assert "[redacted]" in text

    @pytest.mark.parametrize(("text", "secret"), IN_CONTEXT)
    def test_secrets_by_their_name(self, text: str, secret: str) -> None:
        """What is named like a secret loses its value, whatever that looks like."""
        assert secret not in redact(text)

    @pytest.mark.parametrize("text", HARMLESS)
    def test_harmless_lines_stay(self, text: str) -> None:
        """Counts, paths and names are not secrets."""
        assert redact(text) == text

    def test_traceback_is_redacted(self, tmp_path: Path) -> None:
        """Exceptions carry secrets too; file and standard error are both clean."""
        stream = io.StringIO()
        state = configure(str(tmp_path / "d.log"), foreground=True, stream=stream)
        try:
            raise ValueError(f"bad token {JWT}")
        except ValueError:
            logging.getLogger("t").exception("event=failed key=%s", "sk-ant-abcdefghijkl")
        state.close()
        for text in (stream.getvalue(), (tmp_path / "d.log").read_text()):
            assert "Traceback" in text
            assert "eyJ" not in text
            assert "sk-ant" not in text
            assert text.count("event=failed") == 1


class TestFile:
    def test_private_from_the_first_moment(self, tmp_path: Path) -> None:
        """The log is 0600 whatever the umask."""
        old = os.umask(0)
        try:
            state = configure(str(tmp_path / "d.log"))
        finally:
            os.umask(old)
        state.close()
        assert stat.S_IMODE((tmp_path / "d.log").stat().st_mode) == 0o600

    def test_rotates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The log never takes more than its files' sizes; old ones are private, too."""
        monkeypatch.setattr(logs, "MAX_BYTES", 2000)
        state = configure(str(tmp_path / "d.log"))
        for number in range(200):
            logging.getLogger("t").info(f"event=n{number} text={'x' * 50}")
        state.close()
        files = sorted(tmp_path.iterdir())
        assert [f.name for f in files] == ["d.log", "d.log.1", "d.log.2", "d.log.3"]
        assert all(f.stat().st_size <= 2000 for f in files)
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}

    def test_form_and_level(self, tmp_path: Path) -> None:
        """A line has time in UTC, level and logger; below the level nothing is written."""
        state = configure(str(tmp_path / "d.log"), level="warning")
        logging.getLogger("a.b").info("event=hidden")
        logging.getLogger("a.b").warning("event=shown n=%d", 5)
        state.close()
        (line,) = (tmp_path / "d.log").read_text().splitlines()
        time, rest = line.split(" ", 1)
        assert time.endswith("Z")
        assert "T" in time
        assert rest == "level=warning logger=a.b event=shown n=5"

    def test_without_file(self) -> None:
        """In the foreground the terminal alone will do."""
        stream = io.StringIO()
        state = configure(None, foreground=True, stream=stream)
        logging.getLogger("t").error("event=x")
        state.close()
        assert "event=x" in stream.getvalue()


class TestThrottle:
    def record(self, text: str, level: int = logging.WARNING) -> logging.LogRecord:
        return logging.LogRecord("t", level, "f", 1, text, ("x",), None)

    def test_repeats_are_counted_instead_of_written(self) -> None:
        """Five lines of a kind, then silence, then one that says how many there were."""
        now = [0.0]
        throttle = ThrottleFilter(lambda: now[0])
        written = [throttle.filter(self.record("event=a %s")) for _ in range(50)]
        assert written == [True] * 5 + [False] * 45
        assert throttle.filter(self.record("event=b %s"))
        now[0] = 61.0
        record = self.record("event=a %s")
        assert throttle.filter(record)
        assert record.throttled == " suppressed=45"

    def test_debug_is_not_throttled(self) -> None:
        """Who asks for everything gets everything."""
        throttle = ThrottleFilter(lambda: 0.0)
        assert all(throttle.filter(self.record("x", logging.DEBUG)) for _ in range(50))

    def test_memory_is_bounded(self) -> None:
        """Endless kinds of lines do not fill the memory."""
        throttle = ThrottleFilter(lambda: 0.0)
        for number in range(logs.MAX_KINDS + 50):
            throttle.filter(self.record(f"event={number}"))
        assert len(throttle._kinds) == logs.MAX_KINDS


class TestRecentErrors:
    def emit(self, recent: RecentErrors, text: str) -> None:
        recent.handle(logging.LogRecord("where", logging.ERROR, "f", 1, text, (), None))

    def test_newest_first_and_counted(self) -> None:
        """Equal errors are one with a count; secrets are gone."""
        recent = RecentErrors()
        for text in ("event=a", "event=b token=abc-def", "event=a"):
            self.emit(recent, text)
        first, second = recent.newest_first()
        assert (first.message, first.count, first.where) == ("event=a", 2, "where")
        assert second.message == "event=b token=[redacted]"

    def test_bounded(self) -> None:
        """Only the last different ones are kept."""
        recent = RecentErrors()
        for number in range(50):
            self.emit(recent, f"event={number}")
        kept = recent.newest_first()
        assert len(kept) == logs.MAX_RECENT
        assert kept[0].message == "event=49"

    def test_warnings_are_not_errors(self, tmp_path: Path) -> None:
        """Only what a user must act on is remembered."""
        state = configure(str(tmp_path / "d.log"))
        logging.getLogger("t").warning("event=w")
        logging.getLogger("t").error("event=e")
        state.close()
        assert [error.message for error in state.recent.newest_first()] == ["event=e"]
