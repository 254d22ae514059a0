"""What the watches see, and that nothing they watch is changed by them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from fairlead.clock import VirtualClock
from fairlead.core.model import events as ev
from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.observing.health import QUOTE_AGE_S_MAX, Desks, Readiness, Reason
from fairlead.observing.loop_lag import LOOK_EVERY_MS, LoopLag
from fairlead.observing.path_lines import PathLines
from fairlead.observing.path_watch import TIMELINE_S_MAX, PathWatch
from fairlead.observing.tally import OTHER_REASON, REASONS_MAX, Tally
from fairlead.observing.timeline import Timeline
from fairlead.observing.watched_journal import STUCK_S, WatchedJournal
from fairlead.observing.watched_web import WatchedWeb
from fairlead.ports import AppendOutcome, Committed, DuplicateKey, Fact, JournalRow, NotStored, Record, Unit
from tests.store.samples import make_request_state

STORED = Committed(last_seq=1)


def unit(event: ev.Event) -> Unit:
    return Unit(facts=(Fact(tenant="t1", stream="hook:h", cause="a", at_ms=1, event=event),))


def received(alert_id: str) -> Unit:
    event = ev.AlertReceived(
        alert_id=alert_id,
        hook_id="h",
        duplicate_key=alert_id,
        explicit_key=True,
        body=b"{}",
        content_type="",
        source_address="",
        received_ms=1,
    )
    return unit(event)


def handled(alert_id: str, *request_ids: str) -> Unit:
    event = ev.AlertHandled(
        alert_id=alert_id,
        verdict="accepted" if request_ids else "stale",
        reason_code="",
        detail="",
        mapping=("", ""),
        warnings=(),
        request_ids=request_ids,
        at_ms=2,
    )
    return unit(event)


def ended(request_id: str, status: str, reason: str) -> RequestState:
    return msgspec.structs.replace(make_request_state(request_id), status=RequestStatus(status), reason_code=reason)


class Watch:
    """A watch over a path that the test walks by hand."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.over: list[Timeline] = []
        self.path = PathWatch(
            clock=self.clock, lines=PathLines(is_verbose=False), label_of=str, finished=self.over.append
        )

    def store(self, what: Unit, outcome: AppendOutcome = STORED) -> None:
        now_s = self.clock.monotonic_s()
        self.path.on_unit(what, outcome, now_s, now_s)


@pytest.fixture(name="watch")
def _watch() -> Watch:
    return Watch()


def test_an_alert_is_over_when_it_is_handled_and_answered_in_either_order(watch: Watch) -> None:
    watch.store(received("a"))
    watch.store(handled("a"))
    assert not watch.over
    watch.path.on_answer("a", 200, 0.0, 0.0)
    watch.store(received("b"))
    watch.path.on_answer("b", 202, 0.0, 0.0)
    assert len(watch.over) == 1
    watch.store(handled("b"))
    assert [timeline.alert_id for timeline in watch.over] == ["a", "b"]
    assert watch.path.open == 0


def test_an_alert_of_an_earlier_run_waits_for_no_answer(watch: Watch) -> None:
    watch.store(handled("left"))
    assert [timeline.alert_id for timeline in watch.over] == ["left"]


def test_an_alert_whose_end_never_comes_is_cut(watch: Watch) -> None:
    watch.store(received("stuck"))
    watch.store(handled("stuck", "r1"))
    watch.path.on_answer("stuck", 202, 0.0, 0.0)
    watch.clock.advance_ms(int(TIMELINE_S_MAX * 1000) + 1)
    watch.store(received("next"))
    assert [timeline.alert_id for timeline in watch.over] == ["stuck"]
    assert (watch.path.cut, watch.path.open) == (1, 1)


def test_what_was_not_stored_did_not_happen(watch: Watch) -> None:
    watch.store(received("a"), NotStored(reason="disk full"))
    watch.store(received("a"), DuplicateKey(kind="AlertReceived", key="a"))
    assert watch.path.open == 0
    assert watch.path.tally.alerts_received == 0
    assert watch.path.tally.units == {"not_stored": 1, "duplicate": 1}


def test_each_end_of_a_request_counts_once_and_reasons_have_an_end() -> None:
    tally = Tally()
    for _ in range(2):
        tally.count_unit(Unit(states=(ended("r", "denied", "no_price"),)), STORED)
    tally.count_unit(Unit(states=(ended("q", "accepted", ""),)), STORED)
    tally.count_unit(Unit(states=(ended("q", "filled", ""),)), STORED)
    tally.count_unit(Unit(states=(ended("p", "queued", ""),)), STORED)
    assert tally.requests == {("denied", "no_price"): 1, ("accepted", ""): 1, ("filled", ""): 1}
    for number in range(REASONS_MAX + 50):
        tally.count_unit(Unit(states=(ended(f"x{number}", "rejected", f"code {number}"),)), STORED)
    assert len(tally.requests) == REASONS_MAX + 2
    assert tally.requests["rejected", OTHER_REASON] == 52


class ByHand:
    """A journal that answers when, and what, the test says."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[AppendOutcome], None]] = []

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        self.waiting.append(on_done)

    def answer(self, outcome: AppendOutcome) -> None:
        self.waiting.pop(0)(outcome)

    def commit(self, unit: Unit) -> Awaitable[AppendOutcome]:
        raise NotImplementedError

    def reopen(self, chain: str) -> None:
        raise NotImplementedError

    def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        raise NotImplementedError

    async def read_records(self, space: str) -> Sequence[Record]:
        raise NotImplementedError


async def test_a_journal_is_in_trouble_while_it_does_not_answer() -> None:
    inner, clock = ByHand(), VirtualClock()
    journal = WatchedJournal(inner, clock, lambda *_: None)
    told: list[AppendOutcome] = []
    journal.append(Unit(), told.append)
    assert journal.find_trouble() == ""
    clock.advance_ms(int(STUCK_S * 1000) + 1)
    assert "not answered" in journal.find_trouble()
    inner.answer(NotStored(reason="disk full"))
    # Why it refused, and when that is over, is what its writer knows.
    assert journal.find_trouble() == ""
    journal.append(Unit(), told.append)
    inner.answer(STORED)
    assert journal.find_trouble() == ""
    clock.advance_ms(60_000)
    assert journal.find_trouble() == ""
    assert told == [NotStored(reason="disk full"), STORED]


async def test_a_caller_hears_first_and_the_watch_even_if_the_caller_breaks() -> None:
    inner = ByHand()
    seen: list[str] = []
    journal = WatchedJournal(inner, VirtualClock(), lambda *_: seen.append("watch"))

    def break_down(_: AppendOutcome) -> None:
        seen.append("caller")
        raise RuntimeError

    journal.append(Unit(), break_down)
    with pytest.raises(RuntimeError):
        inner.answer(STORED)
    assert seen == ["caller", "watch"]


async def test_calls_are_counted_by_a_closed_list_of_routes() -> None:
    answered: list[tuple[str, int]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["call_id"] = "c1"
        if scope["path"] == "/broken":
            raise LookupError
        await send({"type": "http.response.start", "status": 401, "headers": []})

    async def receive() -> Message:
        raise NotImplementedError

    async def send(_: Message) -> None:
        return

    web = WatchedWeb(app, VirtualClock(), lambda call_id, status, *_: answered.append((call_id, status)))
    for method, path in [("POST", "/hooks/x"), ("POST", "/"), ("GET", "/"), ("GET", "/metrics"), ("GET", "/a?token=b")]:
        await web({"type": "http", "method": method, "path": path}, receive, send)
    with pytest.raises(LookupError):
        await web({"type": "http", "method": "GET", "path": "/broken"}, receive, send)
    assert web.answers == {("alert", 401): 2, ("other", 401): 2, ("metrics", 401): 1, ("other", 0): 1}
    assert answered == [("c1", 401), ("c1", 401)]


async def test_a_loop_that_is_kept_busy_is_late() -> None:
    clock = VirtualClock()
    lag = LoopLag(clock)
    task = asyncio.create_task(lag.run())
    await clock.run_ms(LOOK_EVERY_MS)
    assert lag.seconds.total == 0
    # Somebody holds the loop for a second: the sleeper wakes that much too late.
    clock.advance_ms(LOOK_EVERY_MS + 1_000)
    await clock.settle()
    assert lag.seconds.total == pytest.approx(1.0)
    task.cancel()


def test_readiness_names_each_thing_that_is_missing() -> None:
    trouble, desks, age_s, stopped = "", Desks(accounts=2, halted=1), 1.0, False
    readiness = Readiness(
        journal_trouble=lambda: trouble,
        desks=lambda: desks,
        newest_quote_age_s=lambda: age_s,
        is_platform_stopped=lambda: stopped,
        details=lambda: {"accounts": 2},
    )
    assert readiness.check_ready().reasons == (Reason.NOT_RECOVERED,)
    readiness.is_recovered = True
    assert readiness.check_ready().is_well
    trouble, desks, age_s, stopped = "disk full", Desks(accounts=2, halted=2), QUOTE_AGE_S_MAX + 1, True
    readiness.is_draining = True
    readiness.is_recovered = False
    assert set(readiness.check_ready().reasons) == set(Reason)
    assert readiness.check_health().reasons == (Reason.JOURNAL,)
    assert readiness.check_health().details == {"accounts": 2, "journal": "disk full"}
    assert all(re.fullmatch("[a-z_]+", reason) for reason in Reason)
