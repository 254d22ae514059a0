"""A bot's past, read off its decisions: what each slot has filled in a cycle, and what each cycle earned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from fairlead.core.model.bots.bot import BotOrder, BotStatus
from fairlead.core.model.bots.decision import Reason
from fairlead.core.model.bots.events import BotDecided
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.rules.bots.ledger import fill_price

RUNNING = "running"
_OVER = frozenset({BotStatus.FINISHED, BotStatus.STOPPED})


class SlotFill(msgspec.Struct, frozen=True):
    """What one order of a bot has filled, at its average price."""

    request_id: str
    slot: str
    side: str
    opens: bool
    quantity: Decimal
    price: Decimal
    at_ms: int


class CycleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle (deal): when it was, how many orders were filled in it, what it earned after fees, and why it ended.

    ``profit`` is in the settle currency; that of a running cycle is what it has realized so far. ``ended_ms`` is None
    while it runs.
    """

    cycle: int
    began_ms: int
    ended_ms: int | None
    fills: int
    profit: Decimal
    why: str


def fills_of_cycle(decisions: Iterable[BotDecided], cycle: int, instrument: Instrument) -> list[SlotFill]:
    """Everything that was filled for orders of a cycle, in the order in which it was first heard of."""
    orders: dict[str, tuple[BotOrder, int]] = {}
    found: dict[str, SlotFill] = {}
    for one in decisions:
        for news in one.stimulus.news:
            order, of_cycle = orders.get(news.request_id, (None, 0))
            if order is None or of_cycle != cycle or not news.filled_quantity:
                continue
            found[news.request_id] = SlotFill(
                request_id=news.request_id,
                slot=order.want.slot,
                side=order.want.side.value,
                opens=order.want.opens,
                quantity=news.filled_quantity,
                price=fill_price(instrument, news.filled_quantity, news.value),
                at_ms=one.at_ms,
            )
        for order in one.state.orders:
            orders.setdefault(order.request_id, (order, one.state.cycle))
    return list(found.values())


def cycles_of(decisions: Sequence[BotDecided]) -> list[CycleRow]:
    """Every cycle that the decisions tell of, oldest first."""
    rows: list[CycleRow] = []
    before_cycle, began_ms, fills, realized_before = 0, 0, 0, ZERO
    why = ""
    for one in decisions:
        state = one.state
        if not before_cycle:
            before_cycle, began_ms, realized_before = state.cycle, one.at_ms, state.deal.realized_before
        fills += sum(1 for news in one.stimulus.news if news.is_complete)
        why = next((reason.code for reason in reversed(one.reasons) if _ends(reason)), why)
        if state.cycle > before_cycle:
            profit = state.deal.realized_before - realized_before
            rows.append(_row(before_cycle, (began_ms, one.at_ms), fills, profit, why))
            before_cycle, began_ms, fills, realized_before = state.cycle, one.at_ms, 0, state.deal.realized_before
    if decisions:
        last = decisions[-1].state
        ended_ms = decisions[-1].at_ms if last.status in _OVER else None
        ending = RUNNING if ended_ms is None else why or last.status.value
        rows.append(_row(last.cycle, (began_ms, ended_ms), fills, last.deal.realized, ending))
    return rows


def _row(cycle: int, when: tuple[int, int | None], fills: int, profit: Decimal, why: str) -> CycleRow:
    return CycleRow(cycle=cycle, began_ms=when[0], ended_ms=when[1], fills=fills, profit=profit, why=why)


def _ends(reason: Reason) -> bool:
    """Whether a reason is told with the profit of what it ended."""
    return any(name == "profit" for name, _ in reason.numbers)
