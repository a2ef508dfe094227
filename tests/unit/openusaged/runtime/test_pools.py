"""Native threads and the way back to the hub."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import gevent
import pytest
from gevent.event import AsyncResult

from openusaged.core.errors import StoreClosed
from openusaged.runtime.pools import Pools


@pytest.fixture
def pools() -> Iterator[Pools]:
    """Pools that are closed at the end."""
    made = Pools(readers=2, workers=2)
    yield made
    made.close(5.0)


class TestCalls:
    def test_values_come_back_from_other_threads(self, pools: Pools) -> None:
        """A call runs outside the hub's thread; its value is returned."""
        here = threading.get_ident()
        threads = {pools.write(threading.get_ident), pools.read(threading.get_ident)}
        assert here not in threads
        assert pools.work(divmod, 7, 2) == (3, 1)
        assert pools.work(int, "ff", base=16) == 255

    def test_there_is_one_writer(self, pools: Pools) -> None:
        """All writes happen in the same thread, one after another."""
        jobs = [pools.spawn_write(threading.get_ident) for _ in range(20)]
        assert len({job.get() for job in jobs}) == 1

    def test_write_here_only_in_an_idle_writer_s_place(self, pools: Pools) -> None:
        """The hub runs a job of the writer's itself when that has none; errors are outcomes."""
        here = threading.get_ident()
        assert pools.write_here(threading.get_ident) == (False, here)
        gate = threading.Event()
        job = pools.spawn_write(gate.wait, 10)
        assert pools.write_here(threading.get_ident) is None
        gate.set()
        assert job.get() is True
        failed, error = pools.write_here(int, "x")
        assert failed
        assert isinstance(error, ValueError)
        pools.close()
        assert pools.write_here(threading.get_ident) is None

    def test_calls_of_the_hub_itself_are_made_later(self, pools: Pools) -> None:
        """What runs in the writer's place has its calls made on the hub, too, after it."""
        calls: list[str] = []

        def job() -> str:
            pools.call_hub(calls.append, "called")
            return "done" if not calls else "too early"

        assert pools.write_here(job) == (False, "done")
        with gevent.Timeout(10):
            while not calls:
                gevent.sleep(0)
        assert calls == ["called"]

    def test_writer_reports_to_the_hub(self, pools: Pools) -> None:
        """Outcomes of posted jobs reach the hub's thread in the order of the jobs."""
        outcomes: list[tuple[bool, object, int]] = []

        def done(outcome: tuple[bool, object]) -> None:
            outcomes.append((*outcome, threading.get_ident()))

        pools.post_write(done, divmod, 7, 2)
        pools.post_write(done, divmod, 7, 0)
        assert pools.busy()["writer"] == 2
        pools.write(int)
        here = threading.get_ident()
        assert outcomes[0] == (False, (3, 1), here)
        assert outcomes[1][0] is True
        assert isinstance(outcomes[1][1], ZeroDivisionError)
        assert pools.busy()["writer"] == 0

    @pytest.mark.parametrize("name", ["write", "read", "work"])
    def test_errors_are_raised_where_they_are_awaited(
        self, pools: Pools, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A failing job raises in its caller and prints nothing."""
        with pytest.raises(ZeroDivisionError):
            getattr(pools, name)(divmod, 1, 0)
        assert capsys.readouterr().err == ""

    def test_waiting_does_not_stop_the_hub(self, pools: Pools) -> None:
        """While a job runs, other greenlets go on."""
        release = threading.Event()
        job = pools.spawn_work(release.wait, 5.0)
        assert not job.ready()
        gevent.spawn(release.set)
        assert job.get() is True
        assert job.ready()

    def test_busy_counts_running_jobs(self, pools: Pools) -> None:
        """`busy` says where something runs."""
        release = threading.Event()
        job = pools.spawn_read(release.wait, 5.0)
        assert pools.busy() == {"writer": 0, "readers": 1, "workers": 0}
        release.set()
        job.get()


class TestHub:
    def test_any_thread_may_call_the_hub(self, pools: Pools) -> None:
        """A callback from a native thread runs in the hub's thread."""
        result = AsyncResult()
        thread = threading.Thread(
            target=lambda: pools.call_hub(lambda *a: result.set((threading.get_ident(), a)), 1, 2)
        )
        thread.start()
        assert result.get(timeout=5) == (threading.get_ident(), (1, 2))
        thread.join()

    def test_calls_of_a_writing_job_come_before_its_end(self, pools: Pools) -> None:
        """What a job of the writer asks the hub for has happened when the job is over."""
        calls: list[int] = []

        def job() -> str:
            for number in range(3):
                pools.call_hub(calls.append, number)
            return "done"

        assert pools.write(job) == "done"
        assert calls == [0, 1, 2]

    def test_a_failing_call_disturbs_no_job(
        self, pools: Pools, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The failure is logged; the job's outcome still arrives, as do later ones."""

        def job() -> str:
            pools.call_hub(divmod, 1, 0)
            return "done"

        assert pools.write(job) == "done"
        assert pools.write(job) == "done"
        assert "event=call_failed" in caplog.text


class TestClose:
    def test_no_work_after_close(self) -> None:
        """After close every call raises the typed error; closing again is harmless."""
        pools = Pools()
        assert pools.close(5.0)
        assert pools.close(5.0)
        with pytest.raises(StoreClosed):
            pools.work(int)
        with pytest.raises(StoreClosed):
            pools.write(int)
        pools.call_hub(pytest.fail, "called after close")
        gevent.sleep(0)

    def test_close_is_bounded(self) -> None:
        """A job that does not end is left behind, and close says so."""
        pools = Pools(workers=1)
        release = threading.Event()
        pools.spawn_work(release.wait, 20.0)
        assert pools.close(0.05) is False
        release.set()
