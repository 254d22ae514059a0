"""Everything about one bot at this moment: its deal, its orders and levels, why it acted, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fairlead.cli.bots.bot_rows import bot_row
from fairlead.cli.output import cell_text, table_lines

if TYPE_CHECKING:
    from fairlead.accounts.registry.bots import KnownBot
    from fairlead.cli.records import Registry
    from fairlead.core.model.bots.bars import BarsSeen
    from fairlead.core.model.bots.bot import BotOrder
    from fairlead.core.model.bots.decision import Tripwire
    from fairlead.core.model.bots.events import BotDecided
    from fairlead.core.model.bots.preview import LadderRow
    from fairlead.core.model.instrument import Instrument
    from fairlead.reporting.bot_story import SlotFill
    from fairlead.wiring.previewing import BotCheck, BotStage

DECISIONS_SHOWN: Final = 6
DECISIONS_LOOKED_AT: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One bot; ``check`` is how it would go on, None where no price is stored and when it is over."""

    found: KnownBot
    instrument: Instrument | None
    price: Decimal | None
    fills: Sequence[SlotFill]
    decisions: Sequence[BotDecided]
    check: BotCheck | None
    wires: Sequence[Tripwire]
    bars: Sequence[BarsSeen] = ()


async def take_portrait(registry: Registry, stage: BotStage, found: KnownBot) -> Portrait:
    """Read it."""
    from fairlead.accounts.registry import Refused
    from fairlead.reporting.bot_story import fills_of_cycle
    from fairlead.store.queries.bot_decisions import load_decisions
    from fairlead.store.queries.bots import find_bars
    from fairlead.wiring.previewing import plan_of

    async with registry.store.session(found.bot.tenant) as session:
        decisions = await load_decisions(session, found.bot.bot_id, newest=DECISIONS_LOOKED_AT)
        bars = await find_bars(session, found.bot)
    heard = decisions[-1].stimulus.price if decisions else None
    plan = plan_of(found).having(stage.settings_of(found.bot))
    market = stage.find_market(plan)
    if isinstance(market, Refused) and heard is not None:
        plan = plan_of(found, heard).having(plan.settings)
        market = stage.find_market(plan)
    if isinstance(market, Refused):
        return Portrait(
            found=found, instrument=None, price=None, fills=(), decisions=decisions, check=None, wires=(), bars=bars
        )
    account, instrument, price = market
    check = None if stage.is_over(found.bot) else stage.check(plan)
    cycle = 1 if found.state is None else found.state.cycle
    return Portrait(
        found=found,
        instrument=instrument,
        price=price,
        fills=fills_of_cycle(decisions, cycle, instrument),
        decisions=decisions,
        check=None if isinstance(check, Refused) else check,
        wires=stage.wires_of(found.bot, account, instrument, price),
        bars=bars,
    )


def portrait_lines(portrait: Portrait) -> Iterator[str]:
    """For people."""
    from fairlead.reporting.bot_words import bars_text, reason_text, wire_text
    from fairlead.reporting.ladder_text import worst_case_lines
    from fairlead.reporting.times import time_text

    facts = {**bot_row(portrait.found), **_deal(portrait)}
    width = max(map(len, facts))
    yield from (f"{name.replace('_', ' '):<{width}}  {cell_text(value)}".rstrip() for name, value in facts.items())
    rows = _ladder(portrait)
    if rows:
        yield ""
        yield "Ladder of this cycle; ask why with fairlead explain REQUEST"
        yield from (f"  {line}" for line in table_lines(rows))
    if portrait.check is not None and portrait.check.preview.rows:
        yield ""
        yield "From here on"
        yield from (f"  {line}" for line in worst_case_lines(portrait.check.preview.worst))
    yield ""
    yield "Newest decisions"
    for one in portrait.decisions[-DECISIONS_SHOWN:]:
        told = "; ".join(reason_text(reason) for reason in one.reasons) or "orders came to rest or ended"
        yield f"  {time_text(one.at_ms)}  {told}"
    if not portrait.decisions:
        yield "  none yet: it decides while a server runs"
    if portrait.bars:
        yield ""
        yield "Bars of its conditions"
        yield from (f"  {bars_text(one)}" for one in portrait.bars)
    yield ""
    yield "Wakes for"
    yield from (f"  {wire_text(wire)}" for wire in portrait.wires)
    yield "  news of its orders, and a word of yours"


def portrait_values(portrait: Portrait) -> dict[str, object]:
    """For a program."""
    from fairlead.accounts.bot_presets import settings_values
    from fairlead.reporting.bot_words import bars_text, reason_text, wire_text
    from fairlead.reporting.ladder_text import ladder_values, worst_case_values
    from fairlead.reporting.times import time_text

    bot, check = portrait.found.bot, portrait.check
    return {
        **bot_row(portrait.found),
        **_deal(portrait),
        "id": bot.bot_id,
        "wanted": bot.wish.value,
        "settings_version": bot.settings_version,
        "settings": settings_values(bot.settings),
        "ladder": _ladder(portrait),
        "to_come": [] if check is None else ladder_values(check.preview),
        "worst_case": None if check is None else worst_case_values(check.preview.worst),
        "decisions": [
            {
                "decision": one.state.version,
                "at": time_text(one.at_ms),
                "reasons": [reason_text(reason) for reason in one.reasons],
                "requests": list(one.request_ids),
            }
            for one in portrait.decisions[-DECISIONS_SHOWN:]
        ],
        "bars": [bars_text(one) for one in portrait.bars],
        "wakes_for": [wire_text(wire) for wire in portrait.wires],
    }


def _deal(portrait: Portrait) -> dict[str, object]:
    """What it holds, at what average, and what that is worth now."""
    from fairlead.core.model.money import format_amount
    from fairlead.core.rules.bots.ledger import average_price
    from fairlead.core.rules.margin import profit

    state, instrument, price = portrait.found.state, portrait.instrument, portrait.price
    if state is None or instrument is None or price is None or not state.deal.quantity:
        return {}
    deal, average = state.deal, average_price(state.deal, instrument)
    signed = deal.quantity if deal.is_long else -deal.quantity
    open_profit = profit(instrument, signed, average, price)
    return {
        "average": format_amount(round(average, 8)),
        "last_price": format_amount(price),
        "unrealized": f"{format_amount(round(open_profit, 8))} {instrument.settle_currency}",
    }


def _ladder(portrait: Portrait) -> list[dict[str, str]]:
    """What was filled, what rests, and which levels come later, from the highest price to the lowest."""
    state, instrument = portrait.found.state, portrait.instrument
    if state is None or instrument is None:
        return []
    rows = [(one.price, _filled_row(one, instrument)) for one in portrait.fills]
    for order in state.orders:
        price = order.want.price
        rows.append((price or Decimal(0), _order_row(order, instrument)))
    live = {order.want.slot for order in state.orders}
    if portrait.check is not None and state.deal.quantity:
        rows += [
            (row.price, _later_row(row, instrument)) for row in portrait.check.preview.rows if row.slot not in live
        ]
    return [row for _, row in sorted(rows, key=lambda one: -one[0])]


def _filled_row(one: SlotFill, instrument: Instrument) -> dict[str, str]:
    from fairlead.core.rules.sizing import show, show_in
    from fairlead.reporting.bot_words import slot_name

    return {
        "level": slot_name(one.slot),
        "side": one.side,
        "price": show(round(one.price, 8)),
        "quantity": show_in(one.quantity, instrument.quantity_unit),
        "state": "filled",
        "request": one.request_id,
    }


def _order_row(order: BotOrder, instrument: Instrument) -> dict[str, str]:
    from fairlead.core.rules.sizing import show, show_in
    from fairlead.reporting.bot_words import slot_name

    want, size = order.want, order.want.size
    told = "all of it" if size is None else show_in(size.amount, _unit(size.unit.value, instrument))
    part = f", {show_in(order.filled_quantity, instrument.quantity_unit)} filled" if order.filled_quantity else ""
    return {
        "level": slot_name(want.slot),
        "side": want.side.value,
        "price": "market" if want.price is None else show(want.price),
        "quantity": told,
        "state": ("being canceled" if order.canceling_ms else "resting") + part,
        "request": order.request_id,
    }


def _later_row(row: LadderRow, instrument: Instrument) -> dict[str, str]:
    from fairlead.core.rules.sizing import show, show_in
    from fairlead.reporting.bot_words import slot_name

    return {
        "level": slot_name(row.slot),
        "side": "",
        "price": show(row.price),
        "quantity": show_in(row.quantity, instrument.quantity_unit),
        "state": "later",
        "request": "",
    }


def _unit(unit: str, instrument: Instrument) -> str:
    return {
        "quote": instrument.quote_currency,
        "base": instrument.base_currency,
        "native": instrument.quantity_unit,
        "percent": "%",
    }.get(unit, unit)
