"""The queue of alerts on their way: what is tried again, how often, and what is told only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import msgspec
import pytest

from openusage_proto.alert_messages import AlertFacts
from openusaged.config.alerts import AlertSettings, WebhookSettings
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.alerts import PENDING
from openusaged.storage.store import AlertChanges, AlertRecord
from openusaged.usecases.alerts.channels import Channels
from openusaged.usecases.alerts.outbox import Outbox
from openusaged.usecases.alerts.programs import Programs
from tests.support.receiver import Receiver, receiving
from tests.support.stored import open_store

SOON = (0.0, 0.0, 0.0)
NEVER = (3600.0,)


class World:
    """An outbox over a real store, a program that writes a file, and a receiver of webhooks."""

    def __init__(self, tmp_path: Path, receiver: Receiver) -> None:
        self.told_file = tmp_path / "told"
        self.receiver = receiver
        self.store = open_store(str(tmp_path / "db" / "t.db"))
        self.pools, self.tasks = Pools(), Tasks()
        http = UrllibHttpClient(proxies={})
        self.channels = Channels(
            programs=Programs({"PATH": "/usr/bin:/bin"}),
            http=http,
            direct=http,
            env={},
            platform="linux",
        )
        self.settings = AlertSettings(
            enabled=True,
            desktop=False,
            command=("sh", "-c", f"cat >> {self.told_file}"),
            webhook=WebhookSettings(url=f"{receiver.url}/hook"),
        )

    def outbox(self, retry_after_s: tuple[float, ...] = SOON) -> Outbox:
        """As the daemon has it, but with less patience."""
        return Outbox(
            store=self.store,
            pools=self.pools,
            tasks=self.tasks,
            channels=self.channels,
            settings=lambda: self.settings,
            retry_after_s=retry_after_s,
        )

    def alert(self, **fields: object) -> AlertRecord:
        """One that is stored and on its way."""
        facts = AlertFacts(rule="r", kind="limit", at="2026-03-07T09:15:00Z", text="much is used")
        record = AlertRecord(ts_ms=1, rule="r", outcome=PENDING, facts=msgspec.json.encode(facts))
        record = msgspec.structs.replace(record, **fields)
        (ident,) = self.pools.write(self.store.write_alerts, AlertChanges(records=(record,)))
        return msgspec.structs.replace(record, id=ident)

    def recorded(self) -> tuple[str, dict[str, str]]:
        """Outcome and deliveries of the one alert there is."""
        (record,) = self.pools.read(self.store.alert_records, 10)
        return record.outcome, dict(record.deliveries)

    def told(self) -> int:
        """How often the program was started."""
        return len(self.told_file.read_text().splitlines()) if self.told_file.exists() else 0

    def close(self) -> None:
        self.channels.close()
        self.tasks.close()
        self.pools.write(self.store.close)
        self.pools.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with receiving() as receiver:
        made = World(tmp_path, receiver)
        try:
            yield made
        finally:
            made.close()


def until(predicate: Callable[[], object], seconds: float = 10.0) -> None:
    """Let greenlets run until something is true."""
    with gevent.Timeout(seconds, AssertionError("it did not come true")):
        while not predicate():
            gevent.sleep(0.005)


def test_a_webhook_that_comes_back_gets_what_it_missed(world: World) -> None:
    """The other ways have told it once; until then it is on its way, with the reason."""
    world.receiver.status = 503
    outbox = world.outbox((0.2, 0.2))
    outbox.add(world.alert())
    until(lambda: world.recorded()[1])
    assert world.recorded() == (
        "pending",
        {"command": "", "webhook": "127.0.0.1: HTTP 503"},
    )
    assert outbox.waiting == 1
    world.receiver.status = 204
    until(lambda: world.recorded()[0] == "delivered")
    assert world.recorded()[1] == {"command": "", "webhook": ""}
    assert outbox.waiting == 0
    assert (world.told(), world.receiver.rules) == (1, ["r", "r"])


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_it_is_given_up_after_the_last_attempt(world: World, status: int) -> None:
    """One attempt and as many again as there are pauses; then the history says that it failed."""
    world.receiver.status = status
    outbox = world.outbox()
    outbox.add(world.alert())
    until(lambda: world.recorded()[0] == "partly")
    assert world.recorded()[1]["webhook"] == f"127.0.0.1: HTTP {status}"
    assert len(world.receiver.got) == 1 + len(SOON)
    assert outbox.waiting == 0
    assert outbox.tallies["webhook"].failed == 1 + len(SOON)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_a_refusal_is_final(world: World, status: int) -> None:
    """An address that is wrong today is wrong in a minute."""
    world.receiver.status = status
    world.outbox(NEVER).add(world.alert())
    until(lambda: world.recorded()[0] == "partly")
    assert len(world.receiver.got) == 1


def test_nobody_there_is_tried_again(world: World) -> None:
    """A machine without a network, or a receiver that is not running yet."""
    world.settings = replace(world.settings, webhook=WebhookSettings(url="http://127.0.0.1:1/"))
    outbox = world.outbox((0.1,))
    outbox.add(world.alert())
    until(lambda: world.recorded()[1])
    assert world.recorded() == ("pending", {"command": "", "webhook": "127.0.0.1: unreachable"})
    world.settings = replace(
        world.settings, webhook=WebhookSettings(url=f"{world.receiver.url}/hook")
    )
    until(lambda: world.recorded()[0] == "delivered")


def test_nothing_is_tried_again_once_alerts_are_off(world: World) -> None:
    """Switched off means silent, also for what was on its way."""
    world.receiver.status = 503
    outbox = world.outbox((0.1, 0.1))
    outbox.add(world.alert())
    until(lambda: world.recorded()[1])
    world.settings = replace(world.settings, enabled=False)
    until(lambda: world.recorded()[0] == "partly")
    assert len(world.receiver.got) == 1
    assert outbox.waiting == 0


def test_after_a_restart_only_the_ways_that_have_not_told_it(world: World) -> None:
    """What a former run had delivered by one way is not told twice by it."""
    record = world.alert(deliveries={"command": "", "webhook": "127.0.0.1: HTTP 503"})
    world.outbox(NEVER).add(record)
    until(lambda: world.recorded()[0] == "delivered")
    assert (world.told(), world.receiver.rules) == (0, ["r"])


def test_a_test_is_sent_once(world: World) -> None:
    """Who tries a way out wants to know now."""
    world.receiver.status = 503
    outbox = world.outbox(NEVER)
    facts = AlertFacts(rule="test", kind="test", at="", text="a test")
    tried = []
    world.tasks.spawn(lambda: tried.append(outbox.try_out(["webhook"], facts)))
    until(lambda: tried)
    assert tried == [{"webhook": "127.0.0.1: HTTP 503"}]
    assert outbox.waiting == 0
