from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model import events as ev
from fairlead.core.model.bots.bot import BotOrder, BotState, OrderNews, Stimulus
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import NO_REASON, Reason, Tripwire, Urgency, Want, WireKind, want_entry
from fairlead.core.model.bots.events import BotDecided
from fairlead.core.model.bots.martingale import MartingaleMemory
from fairlead.core.model.request import CancelOrders, Side, Size, SizeUnit, SourceKind
from fairlead.ports import JournalRow
from fairlead.reporting.bot_story import cycles_of, fills_of_cycle
from fairlead.reporting.bot_words import reason_text, slot_name, wire_text
from fairlead.reporting.explain import Evidence, explain
from fairlead.reporting.explain_text import explanation_text
from fairlead.reporting.explanation import SubjectKind
from tests.reporting.evidence import SWAP, T0, account, request

BEGAN = Reason("cycle_started", (("price", Decimal(60_000)),))


def order(slot: str, request_id: str, *, opens: bool = True) -> BotOrder:
    want = want_entry(slot, Side.BUY, Size(amount=Decimal(100), unit=SizeUnit.QUOTE), Decimal(59_000))
    return BotOrder(
        want=want if opens else Want(slot, Side.SELL, opens=False, size=None),
        serial=1,
        request_id=request_id,
        placed_ms=T0,
    )


def decided(
    version: int,
    *orders: BotOrder,
    cycle: int = 1,
    news: tuple[OrderNews, ...] = (),
    reason: Reason = NO_REASON,
    realized: str = "0",
) -> BotDecided:
    deal = Deal(realized_before=Decimal(realized))
    state = BotState(
        bot_id="b1",
        tenant="t1",
        account_id="acc-main",
        symbol="BTC-USDT-SWAP",
        version=version,
        cycle=cycle,
        deal=deal,
        memory=MartingaleMemory(),
        orders=orders,
    )
    return BotDecided(
        bot_id="b1",
        stimulus=Stimulus(at_ms=T0, price=Decimal(60_000), news=news),
        reasons=() if reason == NO_REASON else (reason,),
        request_ids=tuple(one.request_id for one in orders),
        state=state,
        at_ms=T0 + version,
    )


def evidence(event: BotDecided, *asked: ev.OrderRequested) -> Evidence:
    cause = f"b1:{event.state.version}"
    events: tuple[ev.Event, ...] = (event, *asked)
    rows = tuple(
        JournalRow(
            seq=seq,
            tenant="t1",
            stream="bot:b1",
            version=seq,
            kind=type(one).__name__,
            key=None,
            cause=cause,
            at_ms=T0,
            event=one,
        )
        for seq, one in enumerate(events, 1)
    )
    return Evidence(
        rows=rows,
        accounts={"acc-main": account("main")},
        bot_names={"b1": "dip"},
        instruments={SWAP.symbol: SWAP},
    )


def bots_request(**changes: object) -> ev.OrderRequested:
    asked = replace(request("main"), source_kind=SourceKind.BOT, source_id="b1", cause="b1:3")
    return ev.OrderRequested(request=replace(asked, **changes))


def test_an_order_of_a_bot_names_the_bot_its_cycle_its_place_and_why() -> None:
    found = explain("req-main", evidence(decided(3, order("s2", "req-main"), cycle=4, reason=BEGAN), bots_request()))
    assert found is not None
    (part,) = found.accounts
    assert part.bot is not None
    assert (part.bot.name, part.bot.cycle, part.bot.slot, part.bot.decision) == ("dip", 4, "s2", 3)
    text = explanation_text(found)
    assert "bot        dip, cycle 4: safety 2" in text
    assert "a cycle began: price 60,000" in text


def test_a_decision_of_a_bot_explains_everything_that_it_asked_for() -> None:
    first, second = bots_request(), bots_request(request_id="req-2", intent=CancelOrders(order_ids=("x",)))
    found = explain("b1:3", evidence(decided(3, order("s2", "req-main")), first, second))
    assert found is not None
    assert found.kind is SubjectKind.BOT_DECISION
    assert [part.bot.what for part in found.accounts if part.bot is not None] == [
        "safety 2",
        "orders that it does not want any more",
    ]


def test_an_alert_has_no_bot_to_explain() -> None:
    asked = ev.OrderRequested(request=request("main"))
    found = explain("req-main", evidence(decided(3), asked))
    assert found is not None
    assert found.accounts[0].bot is None


def test_slots_and_reasons_and_wires_are_told_in_words() -> None:
    names = ["b", "s12", "t1", "c", "i", "b9.0", "s9.1", "m3", "other"]
    assert [slot_name(one) for one in names] == [
        "base order",
        "safety 12",
        "take-profit 1",
        "close",
        "first position",
        "line 9 opens",
        "line 9 closes",
        "added by hand 3",
        "other",
    ]
    assert reason_text(Reason("something_new", (("far_away", Decimal("1.50")),))) == "something new: far away 1.5"
    below = Tripwire(WireKind.AT_OR_BELOW, Decimal(59_000), urgency=Urgency.STOP)
    assert wire_text(below) == "last price at or below 59,000 (stop)"
    assert wire_text(Tripwire(WireKind.SIGNAL, signal="dump")) == "signal dump (entry)"
    assert wire_text(Tripwire(WireKind.AT_TIME, at_ms=T0)).endswith("UTC (entry)")


def news(request_id: str, quantity: str, value: str) -> OrderNews:
    return OrderNews(
        request_id=request_id,
        is_over=True,
        is_complete=True,
        filled_quantity=Decimal(quantity),
        value=Decimal(value),
    )


def test_fills_of_a_cycle_are_those_of_its_orders_however_often_they_were_told() -> None:
    told = news("r1", "2", "1180")
    decisions = [
        decided(1, order("b", "r1")),
        decided(2, order("t1", "r2", opens=False), news=(told,)),
        decided(3, order("t1", "r2", opens=False), news=(told,)),
        decided(4, order("b", "r3"), news=(news("r2", "2", "1200"),), cycle=2, realized="20"),
        decided(5, news=(news("r3", "1", "590"),), cycle=2, realized="20"),
    ]
    first = fills_of_cycle(decisions, 1, SWAP)
    assert [(one.slot, one.opens, one.quantity, one.price) for one in first] == [
        ("b", True, Decimal(2), Decimal(59_000)),
        ("t1", False, Decimal(2), Decimal(60_000)),
    ]
    assert [one.slot for one in fills_of_cycle(decisions, 2, SWAP)] == ["b"]


def test_history_tells_what_each_cycle_earned_and_why_it_ended() -> None:
    ended = Reason("take_profit", (("profit", Decimal(20)), ("cycle", Decimal(1))))
    decisions = [
        decided(1, order("b", "r1"), reason=BEGAN),
        decided(2, news=(news("r1", "2", "1180"),)),
        decided(3, cycle=2, news=(news("r2", "2", "1200"),), realized="20", reason=ended),
        decided(4, cycle=2, realized="20"),
    ]
    first, second = cycles_of(decisions)
    assert (first.cycle, first.profit, first.fills, first.why) == (1, Decimal(20), 2, "take_profit")
    assert (first.began_ms, first.ended_ms) == (T0 + 1, T0 + 3)
    assert (second.cycle, second.ended_ms, second.why) == (2, None, "running")
    assert cycles_of([]) == []
