"""Everything about an alert is found from any of its ids, without a further index."""

from __future__ import annotations

from msgspec.structs import replace

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.reports import ReportBorn
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.risk import RiskVerdict
from fairlead.core.model.state import State
from fairlead.ports import Fact, Unit
from fairlead.store.journal import StoredJournal
from fairlead.store.queries.explain import NEARBY_ROWS_MAX, Trail, read_trail
from fairlead.store.session import Store
from tests.servers.clean import on_every_database
from tests.store.samples import (
    ACCOUNT,
    AT_MS,
    SYMBOL,
    TENANT,
    fact,
    make_alert,
    make_balance,
    make_fill,
    make_order,
    make_position,
    make_request,
    make_request_state,
    note,
    unit,
)


def story() -> list[Fact]:
    alert, order = make_alert(), make_order()
    received = ev.AlertReceived(
        alert_id="a1",
        hook_id="hook-1",
        duplicate_key=alert.duplicate_key,
        explicit_key=True,
        body=b"{}",
        content_type="application/json",
        source_address="127.0.0.1",
        received_ms=AT_MS,
    )
    handled = ev.AlertHandled(
        alert_id="a1",
        verdict="accepted",
        reason_code="",
        detail="",
        mapping=("BTCUSDT", SYMBOL),
        warnings=(),
        request_ids=("r1",),
        at_ms=AT_MS,
    )
    verdict = RiskVerdict(order_id="o1", approved=True, profile="standard", checks=())
    unknown = ev.OrderUnknown(order_id="o1", account_id=ACCOUNT, message="timed out", at_ms=AT_MS)
    accepted = ev.OrderAccepted(order_id="o1", account_id=ACCOUNT, venue_order_id="v1", at_ms=AT_MS)
    return [
        fact(received, key=alert.duplicate_key, cause="a1"),
        fact(handled, key="a1", cause="a1"),
        fact(ev.OrderRequested(request=make_request()), key="r1", cause="a1"),
        fact(ev.OrderApproved(order=order, verdict=verdict, sizing=()), key="o1", cause="a1"),
        fact(unknown, cause="a1"),
        fact(accepted, key="o1", cause="a1"),
    ]


def later() -> list[Fact]:
    born = ReportBorn(
        order_id="o1-exit",
        venue_order_id="v2",
        parent_id="o1",
        origin="protection",
        symbol=SYMBOL,
        side=Side.SELL,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CASH,
        order_type=OrderType.STOP_MARKET,
        quantity=make_order().quantity,
        stop_loss_price=None,
        take_profit_price=None,
        at_ms=AT_MS,
    )
    again = ev.AlertDuplicated(
        alert_id="a2",
        hook_id="hook-1",
        duplicate_of="a1",
        source_address="127.0.0.1",
        received_ms=AT_MS,
    )
    filled = ev.OrderFilled(account_id=ACCOUNT, fill=make_fill(), is_last=True)
    return [
        fact(again, key="a1:a2", cause="a1"),
        fact(filled, key="o1:t1", cause="venue"),
        fact(ev.VenueOrderBorn(account_id=ACCOUNT, report=born), key="o1-exit:1", cause="o1"),
    ]


async def tell_story(journal: StoredJournal) -> None:
    child = make_order("o1-exit", request_id="", parent_id="o1")
    states: list[State] = [
        make_alert(),
        make_request_state(),
        make_order(status=OrderStatus.FILLED),
        child,
        make_position(),
        make_balance(),
    ]
    await journal.commit(unit(note(), note("other", stream="noise")))
    await journal.commit(Unit(facts=tuple(story())))
    await journal.commit(Unit(facts=tuple(later()), states=tuple(states)))


async def trail_of(store: Store, subject: str, tenant: str = TENANT) -> Trail | None:
    async with store.session(tenant) as session:
        return await read_trail(session, subject)


@on_every_database
async def test_every_id_of_a_story_leads_to_the_same_facts(store: Store, journal: StoredJournal) -> None:
    await tell_story(journal)

    for subject in ("a1", "a2", "r1", "o1", "o1-exit"):
        trail = await trail_of(store, subject)
        assert trail is not None
        assert [row.kind for row in trail.rows] == [
            "AlertReceived",
            "AlertHandled",
            "OrderRequested",
            "OrderApproved",
            "OrderUnknown",
            "OrderAccepted",
            "AlertDuplicated",
            "OrderFilled",
            "VenueOrderBorn",
        ]
        assert [row.seq for row in trail.rows] == list(range(3, 12))
        assert trail.alert == make_alert()
        assert set(trail.requests) == {"r1"}
        assert set(trail.orders) == {"o1", "o1-exit"}
        assert trail.positions == (make_position(),)
        assert trail.balances == (make_balance(),)


@on_every_database
async def test_facts_with_a_key_are_found_however_late_they_came(store: Store, journal: StoredJournal) -> None:
    await journal.commit(Unit(facts=tuple(story()), states=(make_alert(), make_request_state(), make_order())))
    await journal.commit(unit(*(note() for _ in range(NEARBY_ROWS_MAX))))
    await journal.commit(Unit(facts=tuple(later()[:2])))

    trail = await trail_of(store, "a1")

    assert trail is not None
    assert [row.kind for row in trail.rows][-2:] == ["AlertDuplicated", "OrderFilled"]


@on_every_database
async def test_the_venue_s_id_leads_to_the_newest_order_that_bears_it(store: Store, journal: StoredJournal) -> None:
    await tell_story(journal)
    named = replace(make_order("o2"), venue_order_id="v9"), replace(make_order("o3"), message="v9")
    await journal.commit(unit(note(), states=named))

    trail = await trail_of(store, "v9")

    assert trail is not None
    assert trail.subject == "o2"
    assert await trail_of(store, "v9", tenant="other") is None
    assert await trail_of(store, "v8") is None


@on_every_database
async def test_a_liquidation_is_explained_by_itself(store: Store, journal: StoredJournal) -> None:
    accepted = ev.OrderAccepted(order_id="liq", account_id=ACCOUNT, venue_order_id="v", at_ms=AT_MS)
    await journal.commit(unit(fact(accepted, key="liq"), states=[make_order("liq", request_id="")]))

    trail = await trail_of(store, "liq")

    assert trail is not None
    assert [row.kind for row in trail.rows] == ["OrderAccepted"]
    assert set(trail.orders) == {"liq"}


@on_every_database
async def test_nobody_else_can_follow_it(store: Store, journal: StoredJournal) -> None:
    await tell_story(journal)

    for subject in ("a1", "r1", "o1", "nothing"):
        assert await trail_of(store, subject, "other") is None
