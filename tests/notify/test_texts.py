from __future__ import annotations

import html
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import events as ev
from fairlead.core.model.drift import Drift, DriftCause, DriftKind, DriftWay
from fairlead.core.model.latch import Latch, LatchLevel, LatchScope
from fairlead.core.model.loss import LossLatch, LossStep
from fairlead.notify.account_news import ACCOUNT_NEWS, tell_news
from fairlead.notify.courier import Style
from fairlead.notify.figures import show_duration
from fairlead.notify.hints import CHECK_FUNDS, CHECK_KEY, CHECK_POSITION, OPEN_EXPLANATION, choose_hint
from fairlead.notify.lanes import Lanes
from fairlead.notify.layout import find_zone, zone_text
from fairlead.notify.message import Detail, Failure, Message, Parcel, mask_id
from fairlead.notify.telegram_text import TEXT_UNITS_MAX, count_digest, count_units, write_digest, write_html
from fairlead.ports import JournalRow
from fairlead.store.queries.notifications import DEFAULT_LEVELS, Level, MessageKind
from tests.orders.trading_world import account

STYLE = Style(zone=ZoneInfo("UTC"), public_url="https://fairlead.example")
TAGS = re.compile(r"</?b>|<a href=\"[^\"<>]*\">|</a>")


def message(**changes: object) -> Message:
    values: dict[str, object] = {
        "kind": MessageKind.ERROR,
        "title": "Fairlead",
        "mode": "PAPER",
        "headline": "BUY",
        "label": "FAILED",
        "at_ms": 0,
    }
    return Message(**{**values, **changes})  # type: ignore[arg-type]


@given(text=st.text(max_size=600), name=st.text(max_size=40))
def test_whatever_a_text_holds_the_markup_is_ours_and_the_length_is_kept(text: str, name: str) -> None:
    one = message(
        title=text,
        headline=text,
        details=(Detail(name=name, value=text),),
        failures=tuple(Failure(account=name, reason=text) for _ in range(40)),
        hint=text,
        explain_id="abc",
    )
    for written in (
        write_html(one, STYLE),
        write_digest([Parcel(message_id="1", message=one, is_silent=False)], STYLE),
    ):
        assert count_units(written) <= TEXT_UNITS_MAX
        bare = TAGS.sub("", written)
        assert not set(bare) & set("<>\"'")
        assert html.unescape(re.sub(r"&(lt|gt|amp|quot|#x27);", "", bare)) is not None
        assert "PAPER" in written


def test_lines_that_do_not_fit_are_counted() -> None:
    failures = tuple(Failure(account=f"account {number}", reason="x" * 200) for number in range(100))
    written = write_html(message(failures=failures, explain_id="abc"), STYLE)
    shown = written.count("• account")
    assert 0 < shown < 100
    assert f"… and {100 - shown} more, see the explain page" in written
    assert "https://fairlead.example/explain/abc" in written


def test_a_digest_takes_as_many_as_fit() -> None:
    parcels = [
        Parcel(message_id=str(number), message=message(headline="x" * 200), is_silent=False) for number in range(60)
    ]
    fitting = count_digest(parcels, STYLE)
    assert 1 < fitting < 60
    assert count_units(write_digest(parcels[:fitting], STYLE)) <= TEXT_UNITS_MAX


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [("019a2b3c4d", "019a****3c4d"), ("12345678", "12345678"), ("123456789", "1234****6789"), ("", "")],
)
def test_ids_are_masked_unless_they_are_short(identifier: str, shown: str) -> None:
    assert mask_id(identifier) == shown


def test_times_follow_the_zone_through_its_seasons() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # 2026-10-25: at 01:00 UTC three o'clock becomes two.
    assert zone_text(1_792_890_000_000 - 1_000, berlin) == "2026-10-25 02:59:59 CEST (Europe/Berlin)"
    assert zone_text(1_792_890_000_000, berlin) == "2026-10-25 02:00:00 CET (Europe/Berlin)"
    assert zone_text(0, ZoneInfo("UTC")) == "1970-01-01 00:00:00 UTC"


def test_an_unknown_zone_is_utc() -> None:
    assert find_zone("", "Nowhere/At all", "../etc/passwd").key == "UTC"


def test_hints_follow_codes() -> None:
    assert choose_hint(["50113"]) == CHECK_KEY
    assert choose_hint(["51170"]) == CHECK_POSITION
    assert choose_hint(["insufficient_balance", "order_rate"]) == CHECK_FUNDS
    assert choose_hint(["order_rate"]) == OPEN_EXPLANATION
    assert choose_hint([]) == ""


def test_durations_have_their_natural_unit() -> None:
    assert [show_duration(ms) for ms in (85, 2_410, 185_000)] == ["85 ms", "2.4 s", "3 min 5 s"]


def test_lanes_keep_the_longest_distance() -> None:
    lanes = Lanes()
    both = {"bot": 34, "chat": 1_000}
    assert lanes.reserve(both, 0) == 0
    assert lanes.reserve({"bot": 34, "other": 1_000}, 0) == 34
    assert lanes.reserve(both, 500) == 500
    assert lanes.reserve(both, 10_000) == 0


def test_every_kind_has_a_level_and_money_is_loud() -> None:
    assert set(DEFAULT_LEVELS) == set(MessageKind)
    loud = {kind for kind, level in DEFAULT_LEVELS.items() if level is Level.ON}
    assert {MessageKind.ERROR, MessageKind.LIQUIDATION, MessageKind.ORDER_UNKNOWN, MessageKind.SAFETY} <= loud


LATCH = Latch(
    latch_id="l1", scope=LatchScope.ACCOUNT, level=LatchLevel.FLATTEN, by="ann", set_ms=1, name="a1", tenant="t1"
)
EVENTS = (
    ev.OrderUnknown(order_id="order-one-two", account_id="a1", message="no answer", at_ms=1),
    ev.LossLimitReached(
        account_id="a1",
        latch=LossLatch(step=LossStep.DAY_HALT, loss=Decimal("0.061"), limit=Decimal("0.05"), at_ms=1),
        at_ms=1,
    ),
    ev.LossLimitLifted(
        account_id="a1", step=LossStep.DAY_HALT, equity=Decimal(9390), reason="the stop was too wide", at_ms=1
    ),
    ev.DriftFound(account_id="a1", differences=tuple(f"line {number}" for number in range(30)), at_ms=1),
    ev.DriftSettled(
        account_id="a1",
        drift=Drift(drift_id="d1", kind=DriftKind.BALANCE, cause=DriftCause.MANUAL_BALANCE, subject="USDT", since_ms=1),
        way=DriftWay.ADOPT,
        decided_by="ann",
        reason="moved by hand",
        at_ms=1,
    ),
    ev.DeskRebuilt(account_id="a1", reason="the disk was full", at_ms=1),
    ev.KillSwitchSet(latch=LATCH, at_ms=1),
    ev.KillSwitchCleared(latch=LATCH, at_ms=1),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_account_events_are_told_with_account_and_mode(event: ev.Event) -> None:
    row = JournalRow(seq=7, tenant="t1", stream="s", version=1, kind="", key=None, cause="", at_ms=1, event=event)
    told = tell_news(row, {"a1": account()})
    unknown = tell_news(row, {})

    assert told.message.mode == "PAPER"
    assert unknown.message.mode == "UNKNOWN MODE"
    assert told.message.details[0].value == "a1"
    assert told.message.notes
    assert len(told.message.notes) <= 21
    assert type(event) in ACCOUNT_NEWS


def test_every_entry_has_its_example() -> None:
    assert set(ACCOUNT_NEWS) == {type(event) for event in EVENTS}
