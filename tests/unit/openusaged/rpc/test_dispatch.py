"""One line in, one line out: errors, batches, order, and what must not leak."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from openusage_proto import methods as names
from openusage_proto.errors import CODES, UNKNOWN_ACCOUNT, RpcError
from openusage_proto.messages import IngestResult, StatusParams, SubscribeResult
from openusaged.core.errors import AuthRequired, InvalidEvent, StoreClosed
from openusaged.rpc import dispatch
from openusaged.rpc.context import Deferred, RpcContext, refuse
from openusaged.rpc.dispatch import Dispatcher, error_line
from openusaged.rpc.registry import load_methods, method, spec_of


class Promise:
    """A value that is there when somebody asks, with a note of when that was."""

    def __init__(self, value: Any, journal: list[str], name: str) -> None:
        self.value, self.journal, self.name = value, journal, name
        self.asked = False

    def ready(self) -> bool:
        return self.asked

    def get(self) -> Any:
        self.asked = True
        self.journal.append(f"wait {self.name}")
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class DirectPools:
    """Runs a job when its result is asked for."""

    def __init__(self, journal: list[str]) -> None:
        self.journal = journal

    def spawn_read(self, fn: Callable[..., Any], *args: Any) -> Any:
        return self._job("read", fn, args)

    def spawn_work(self, fn: Callable[..., Any], *args: Any) -> Any:
        return self._job("work", fn, args)

    def _job(self, pool: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        journal = self.journal

        class Job:
            def ready(self) -> bool:
                return False

            def get(self) -> Any:
                journal.append(f"run {pool}")
                return fn(*args)

        return Job()


class Peer:
    id = 3

    def __init__(self) -> None:
        self.outstanding: list[Any] = []


class App:
    seq = 4
    shutting_down = False

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.failure: Exception | None = None


def plain(ctx: RpcContext, params: StatusParams) -> SubscribeResult:
    """Answer at once."""
    ctx.app.journal.append("plain")
    if ctx.app.failure is not None:
        raise ctx.app.failure
    return SubscribeResult(seq=ctx.app.seq, subscribed=False)


def ingest(ctx: RpcContext, params: StatusParams) -> Deferred[IngestResult]:
    """Answer after a commit."""
    ctx.app.journal.append("submit")
    promise = Promise(ctx.app.failure or 7, ctx.app.journal, "commit")
    return Deferred(
        promise, lambda seq: IngestResult(accepted=1, deduplicated=0, merged=0, seq=seq)
    )


def pooled(ctx: RpcContext, params: StatusParams) -> SubscribeResult:
    """Answer from a pool."""
    return plain(ctx, params)


def encoded(ctx: RpcContext, params: StatusParams) -> Any:
    """Answer with bytes."""
    return msgspec.Raw(b'{"already":"encoded"}')


def wrong(ctx: RpcContext, params: StatusParams) -> Any:
    """Return a promise from a pool, which cannot wait for it."""
    return ingest(ctx, params)


def loops(ctx: RpcContext, params: StatusParams) -> Any:
    """Return what is no JSON."""
    return {"x": object()}


SPECS = {
    "plain": spec_of("plain", plain),
    "ingest_turn": spec_of("ingest_turn", ingest),
    "pooled": spec_of("pooled", pooled, pool="readers"),
    "worked": spec_of("worked", pooled, pool="workers"),
    "encoded": spec_of("encoded", encoded, pool="readers", result=SubscribeResult),
    "wrong": spec_of("wrong", wrong, pool="readers", result=SubscribeResult),
    "loops": spec_of("loops", loops, result=SubscribeResult),
}


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def ask(app: App) -> Callable[..., Any]:
    """Send a message to a dispatcher and decode its answer."""
    dispatcher = Dispatcher(SPECS, DirectPools(app.journal), app)
    peer = Peer()

    def send(message: Any) -> Any:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        answer = dispatcher.handle_line(line, peer)  # type: ignore[arg-type]
        return None if answer is None else json.loads(answer)

    return send


def request(name: str, ident: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": ident, "method": name, "params": params}


class TestRequests:
    def test_result(self, ask: Callable[..., Any]) -> None:
        """A request gets its result and its id back."""
        assert ask(request("plain", "abc")) == {
            "jsonrpc": "2.0",
            "result": {"seq": 4, "subscribed": False},
            "id": "abc",
        }

    @pytest.mark.parametrize("ident", ["", "x", 0, -1, 1.5, None])
    def test_ids_come_back_as_they_were(self, ask: Callable[..., Any], ident: Any) -> None:
        """Texts, numbers and null are ids."""
        assert ask(request("plain", ident))["id"] == ident

    @pytest.mark.parametrize("name", ["pooled", "worked"])
    def test_pooled_handlers(self, ask: Callable[..., Any], app: App, name: str) -> None:
        """A handler that says so runs in its pool."""
        assert ask(request(name))["result"]["seq"] == 4
        assert app.journal == ["run read" if name == "pooled" else "run work", "plain"]

    def test_encoded_results_are_sent_as_they_are(self, ask: Callable[..., Any]) -> None:
        """A pool may hand over finished JSON."""
        assert ask(request("encoded"))["result"] == {"already": "encoded"}

    def test_params_may_be_absent(self, ask: Callable[..., Any]) -> None:
        """No params is the same as none given."""
        assert "result" in ask({"jsonrpc": "2.0", "id": 1, "method": "plain"})

    def test_notifications_are_silent(self, ask: Callable[..., Any], app: App) -> None:
        """Without an id there is no answer, whether it worked or not."""
        assert ask({"jsonrpc": "2.0", "method": "plain"}) is None
        assert ask({"jsonrpc": "2.0", "method": "nope"}) is None
        assert ask([{"jsonrpc": "2.0", "method": "plain"}]) is None
        assert app.journal == ["plain", "plain"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("message", "slug", "words"),
        [
            (b"{", "parse_error", "not JSON"),
            (b'{"a":NaN}', "parse_error", "not JSON"),
            (b"\xff", "parse_error", "not JSON"),
            (b"[" * 20_000, "parse_error", "not JSON"),
            ({"id": 1, "method": "plain"}, "invalid_request", '"jsonrpc": "2.0"'),
            ({"jsonrpc": "1.0", "method": "plain"}, "invalid_request", '"jsonrpc": "2.0"'),
            ({"jsonrpc": "2.0", "id": 1}, "invalid_request", "method name"),
            ({"jsonrpc": "2.0", "id": 1, "method": 5}, "invalid_request", "method name"),
            ({**request("plain"), "meta": 1}, "invalid_request", "no member 'meta'"),
            ({**request("plain"), "params": [1]}, "invalid_request", "params are named"),
            ({**request("plain"), "params": None}, "invalid_request", "params are named"),
            ({**request("plain"), "id": True}, "invalid_request", "an id is"),
            ({**request("plain"), "id": [1]}, "invalid_request", "an id is"),
            (5, "invalid_request", "JSON object"),
            ([], "invalid_request", "1 to 1000"),
            ([1] * 1001, "invalid_request", "not 1001"),
            (request("nope"), "method_not_found", "no method 'nope'"),
            (request("plain", x=1), "invalid_params", "`$.x`: unknown parameter"),
        ],
    )
    def test_refusal(self, ask: Callable[..., Any], message: Any, slug: str, words: str) -> None:
        """What cannot be answered gets the documented error with words that help."""
        error = ask(message)["error"]
        assert (error["message"], error["code"]) == (slug, CODES[slug])
        assert words in error["data"]["detail"]

    def test_params_member_null_is_told_as_what_it_is(self, ask: Callable[..., Any]) -> None:
        """An invalid request has no id to answer to."""
        assert ask({**request("plain", 9), "params": 5})["id"] is None

    @pytest.mark.parametrize(
        ("failure", "slug", "data"),
        [
            (AuthRequired("log in again"), "auth_required", {"detail": "log in again"}),
            (StoreClosed("the daemon is shutting down"), "shutting_down", None),
            (
                InvalidEvent("turn.model", "must not be empty"),
                "invalid_event",
                {
                    "detail": "turn.model: must not be empty",
                    "field": "turn.model",
                    "reason": "must not be empty",
                },
            ),
            (
                RpcError(CODES[UNKNOWN_ACCOUNT], UNKNOWN_ACCOUNT, {"detail": "no account x"}),
                "unknown_account",
                {"detail": "no account x"},
            ),
        ],
    )
    @pytest.mark.parametrize("name", ["plain", "pooled", "ingest_turn"])
    def test_expected_failures(
        self,
        ask: Callable[..., Any],
        app: App,
        name: str,
        failure: Exception,
        slug: str,
        data: dict[str, str] | None,
    ) -> None:
        """A failure of the daemon's tree becomes its own error, however the method runs."""
        app.failure = failure
        answer = ask(request(name, 6))
        assert answer["id"] == 6
        assert answer["error"]["message"] == slug
        assert answer["error"]["code"] == CODES[slug]
        if data is not None:
            assert answer["error"]["data"] == data

    @pytest.mark.parametrize("name", ["plain", "pooled", "ingest_turn"])
    def test_unexpected_failures_do_not_leak(
        self, ask: Callable[..., Any], app: App, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The peer gets an incident's name; the text and the traceback go to the log."""
        app.failure = RuntimeError("/home/me/.secret burnt")
        with caplog.at_level(logging.ERROR):
            answer = ask(request(name))
        assert answer["error"]["message"] == "internal_error"
        assert "secret" not in json.dumps(answer)
        incident = answer["error"]["data"]["incident"]
        assert incident in caplog.text
        assert "/home/me/.secret burnt" in caplog.text
        assert f"method={name} " in caplog.text

    @pytest.mark.parametrize("name", ["wrong", "loops"])
    def test_defective_results_are_internal_errors(
        self, ask: Callable[..., Any], name: str
    ) -> None:
        """A handler's result that is no JSON is our mistake, and answered."""
        answer = ask(request(name, 8))
        assert answer["error"]["message"] == "internal_error"
        assert answer["id"] == 8

    def test_defective_result_in_a_batch_spoils_only_itself(self, ask: Callable[..., Any]) -> None:
        """The other elements keep their answers."""
        first, second = ask([request("loops", 1), request("plain", 2)])
        assert first["error"]["message"] == "internal_error"
        assert second["result"]["seq"] == 4

    def test_error_line_is_a_whole_answer(self) -> None:
        """Errors to nobody's request have a null id."""
        answer = json.loads(error_line("line_too_long", "too long"))
        assert answer == {
            "jsonrpc": "2.0",
            "error": {"code": 1002, "message": "line_too_long", "data": {"detail": "too long"}},
            "id": None,
        }

    def test_refuse_raises_the_documented_error(self) -> None:
        """Handlers refuse with a slug, words and further data."""
        with pytest.raises(RpcError) as caught:
            refuse(UNKNOWN_ACCOUNT, "no account x", account="x")
        assert caught.value.data == {"detail": "no account x", "account": "x"}
        assert caught.value.code == 1010


class TestOrder:
    def test_batch_submits_before_it_waits(self, ask: Callable[..., Any], app: App) -> None:
        """Ingests of a batch share a commit: all are submitted, then waited for."""
        answers = ask([request("ingest_turn", number) for number in range(3)])
        assert [answer["id"] for answer in answers] == [0, 1, 2]
        assert app.journal == ["submit"] * 3 + ["wait commit"] * 3

    def test_a_client_reads_what_it_wrote(self, ask: Callable[..., Any], app: App) -> None:
        """Before another method runs, the ingests before it are committed; waited for once each."""
        ask([request("ingest_turn", 1), request("ingest_turn", 2), request("plain", 3)])
        assert app.journal == ["submit", "submit", "wait commit", "wait commit", "plain"]

    def test_bad_elements_are_answered_one_by_one(self, ask: Callable[..., Any]) -> None:
        """A malformed element gets its own error; the rest of the batch is answered."""
        answers = ask(
            [request("plain", 1), 7, {"jsonrpc": "2.0", "method": "plain"}, request("no", 2)]
        )
        assert [answer["id"] for answer in answers] == [1, None, 2]
        assert answers[1]["error"]["message"] == "invalid_request"

    def test_answer_tells_whether_it_is_ready(self, app: App) -> None:
        """A started message is ready when all its parts are."""
        dispatcher = Dispatcher(SPECS, None, app)
        peer = Peer()
        line = json.dumps([request("ingest_turn", 1), request("plain", 2)]).encode()
        answer = dispatcher.start(dispatch.decode(line), peer)  # type: ignore[arg-type]
        assert isinstance(answer, dispatch.Answer)
        single = dispatcher.start(request("ingest_turn"), peer)  # type: ignore[arg-type]
        assert isinstance(single, dispatch.Answer)
        assert not single.ready()
        single.get()


class TestDeferred:
    def test_finish_runs_once(self) -> None:
        """Asking twice does not do the work twice."""
        calls: list[int] = []
        deferred: Deferred[int] = Deferred(Promise(3, [], "x"), lambda v: calls.append(v) or v + 1)
        assert not deferred.ready()
        assert (deferred.get(), deferred.get(), calls) == (4, 4, [3])
        assert deferred.ready()

    def test_failure_is_kept(self) -> None:
        """Asking twice raises twice, without asking the source again."""
        journal: list[str] = []
        deferred: Deferred[int] = Deferred(Promise(ValueError("x"), journal, "x"))
        for _ in range(2):
            with pytest.raises(ValueError, match="x"):
                deferred.get()
        assert journal == ["wait x"]


class TestRegistry:
    def test_every_method_of_the_protocol_is_served(self) -> None:
        """Method names in code and in the protocol are the same, in both directions."""
        assert set(load_methods()) == set(names.ALL)

    def test_a_name_is_taken_once(self) -> None:
        """Registering a method twice is an error at import."""
        load_methods()
        with pytest.raises(ValueError, match="registered twice"):
            method(names.SUBSCRIBE)(plain)

    def test_specs_state_types_and_summary(self) -> None:
        """Types come from annotations, through Deferred; the summary from the docstring."""
        spec = SPECS["ingest_turn"]
        assert (spec.params, spec.result, spec.summary, spec.pool) == (
            StatusParams,
            IngestResult,
            "Answer after a commit.",
            "hub",
        )
