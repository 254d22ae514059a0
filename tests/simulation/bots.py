"""Bots in the simulated world, and what must hold of them once everything is quiet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.bots.bot import BotState, BotStatus, Wish
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.events import BotDecided, BotNoted
from fairlead.core.model.bots.martingale import AfterStop, MartingaleSettings, Phase, StopLoss, TakeProfitStep
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.account_book import AccountBook
from fairlead.ports import JournalRow
from fairlead.simulator import orders as sim
from fairlead.store.queries.bots import Bot, find_state
from fairlead.venues.paper import wire
from tests.simulation.exchange_side import INVERSE, LINEAR
from tests.simulation.invariants import Evidence

LEVELS: Final = 3
CONTRACTS: Final = Decimal(3)
WORST_CASE: Final = CONTRACTS * (LEVELS + 1)
_SIZE: Final = Size(amount=CONTRACTS, unit=SizeUnit.CONTRACTS)
# Markets here move by a few tenths of a percent.
LONG: Final = MartingaleSettings(
    base_order=_SIZE,
    safety_order=_SIZE,
    max_safety_orders=LEVELS,
    active_safety_orders=2,
    step=Decimal("0.08"),
    take_profit=(TakeProfitStep(percent=Decimal("0.08")),),
    take_profit_after_fees=False,
)
_SHORT: Final = msgspec.structs.replace(
    LONG,
    direction=Direction.SHORT,
    stop_loss=StopLoss(percent=Decimal("0.6")),
    after_stop=AfterStop.NEXT_CYCLE,
    take_profit=(
        TakeProfitStep(percent=Decimal("0.05"), share=Decimal(50)),
        TakeProfitStep(percent=Decimal("0.1"), share=Decimal(50)),
    ),
)


def cast_bots(accounts: Sequence[VenueAccount]) -> dict[str, Bot]:
    """Two bots against each other on one instrument of the first account, and one on the second."""
    first, second = accounts[0], accounts[1]
    return {
        bot.bot_id: bot
        for bot in (
            _bot("bot-long", first, LINEAR, LONG),
            _bot("bot-short", first, LINEAR, _SHORT),
            _bot("bot-coin", second, INVERSE, LONG),
        )
    }


def _bot(bot_id: str, account: VenueAccount, symbol: str, settings: MartingaleSettings) -> Bot:
    return Bot(
        bot_id=bot_id,
        tenant=account.tenant,
        owner=f"owner-{account.tenant}",
        account_id=account.account_id,
        name=bot_id,
        symbol=symbol,
        wish=Wish.RUN,
        settings_version=1,
        settings=settings,
        created_ms=0,
    )


async def find_bot_problems(evidence: Evidence, bots: Mapping[str, Bot]) -> list[str]:
    """Everything that went wrong with bots."""
    found: list[str] = []
    for bot in bots.values():
        actor = evidence.server.bots.runner.actors[bot.bot_id]
        async with evidence.server.store.session(bot.tenant) as session:
            stored = await find_state(session, bot)
        state, desk = actor.state, evidence.server.trading.floor.find(bot.account_id)
        if state is None or desk is None:
            continue
        side = evidence.sides[bot.account_id]
        lines = [
            *_check_stored(state, stored, _newest(evidence.rows, bot.bot_id)),
            *_check_share(state, desk.book),
            *_check_orders(state, desk.book, side.orders(bot.account_id)),
            *_check_exit(state, bot, desk.book),
        ]
        found += [f"{bot.bot_id}: {line}" for line in lines]
    return found


def _newest(rows: Sequence[JournalRow], bot_id: str) -> BotState | None:
    decided = [row.event for row in rows if isinstance(row.event, BotDecided | BotNoted)]
    return next((event.state for event in reversed(decided) if event.bot_id == bot_id), None)


def _check_stored(state: BotState, stored: BotState | None, newest: BotState | None) -> Iterator[str]:
    """A restart would find what the journal says, and nothing that matters is in memory alone."""
    if stored != newest:
        yield f"stored is {stored}, its newest decision says {newest}"
    if stored is None or (stored.version, stored.deal) != (state.version, state.deal):
        yield f"stored is {stored}, it goes by {state}"


def _check_share(state: BotState, book: AccountBook) -> Iterator[str]:
    """What it believes to hold is its share of the account."""
    shares = [share for key in book.sub_books.keys for share in book.sub_books.shares(key).values()]
    held = sum((share.signed_quantity for share in shares if share.source_id == state.bot_id), ZERO)
    deal = state.deal
    if held != (deal.quantity if deal.is_long else -deal.quantity):
        yield f"it believes to hold {deal.quantity} ({deal.is_long=}), its share is {held}"
    if deal.opened > WORST_CASE:
        yield f"it has opened {deal.opened}, planned were at most {WORST_CASE}"


def _check_orders(state: BotState, book: AccountBook, theirs: Sequence[sim.Order]) -> Iterator[str]:
    """What it believes to rest is what rests at the exchange, but for doubts, which may last at some kinds."""
    open_orders = [one for one in book.orders.values() if one.source_id == state.bot_id and not one.origin]
    doubts = {order.order_id for order in open_orders if order.status is OrderStatus.UNKNOWN}
    ours = {order.order_id for order in open_orders} - doubts
    believed = sorted(order_id for order in state.orders for order_id in order.order_ids if order_id not in doubts)
    resting = sorted(
        wire.order_id_of(order) for order in theirs if order.is_pending and wire.order_id_of(order) in ours
    )
    if not believed == sorted(ours) == resting:
        yield f"it believes {believed} to rest, we {sorted(ours)}, the exchange {resting}"


def _check_exit(state: BotState, bot: Bot, book: AccountBook) -> Iterator[str]:
    """Who holds something has an exit for all of it, unless its owner wanted none or it is about to be tried again.

    A part of which nobody can tell whether it rests is not ordered again.
    """
    if any(one.status is OrderStatus.UNKNOWN for one in book.orders.values() if one.source_id == state.bot_id):
        return
    if bot.wish is Wish.STOP_AND_KEEP or state.status in {BotStatus.STOPPED, BotStatus.FINISHED}:
        return
    exits = [order for order in state.orders if not order.want.opens]
    waits = any(not trouble.slot.startswith(("b", "s")) for trouble in state.troubles)
    leaves = sum((order.want.size.amount - order.filled_quantity for order in exits if order.want.size), ZERO)
    if getattr(state.memory, "phase", None) is Phase.IN_POSITION and leaves != state.deal.quantity and not waits:
        yield f"it holds {state.deal.quantity}, its exits are for {leaves}"
