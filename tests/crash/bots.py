"""Bots in a house that is killed again and again, and the count afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from fairlead.accounts.registry.bots import BotRegistry, BotWish, KnownBot
from fairlead.cli.records import Registry, ask_database, require
from fairlead.clock import SystemClock
from fairlead.core.model.account import SubPosition
from fairlead.core.model.bots.bot import BotState, BotStatus, Wish
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.settings import Settings
from fairlead.store.queries import states
from fairlead.store.queries.recovery import load_shares
from fairlead.store.verify import verify
from fairlead.wiring import journal_fold, record_kinds
from tests.crash.house import House, Victim
from tests.crash.messages import SeenAccount
from tests.crash.okx_exchange import SimulatedOkx, okx_running
from tests.crash.witness import Seen, read_paper_books, wait_until_settled

LEVELS: Final = 2
CONTRACTS: Final = Decimal(2)
WORST_CASE: Final = CONTRACTS * (LEVELS + 1)
QUIET_S_MAX: Final = 60.0
POLL_MS: Final = 100
LINEAR, ETHER = "BTC-USDT-SWAP", "ETH-USDT-SWAP"
# A market that moves a tenth of a percent each second, or an exchange of its own that hardly moves at all.
LIVELY: Final = 'market_volatility = "0.0005"\n'
WIDE, NARROW = Decimal("0.05"), Decimal("0.02")


@dataclass(frozen=True)
class BotRound:
    """What came of a round: decisions and orders of all bots, and what was wrong."""

    decisions: int
    orders: int
    problems: list[str]


def run_bot_round(folder: Path, url: str, *, kills: int, seed: int, at_okx: bool) -> BotRound:
    """Let bots trade in a process that is killed so many times, then count."""
    house = House.build(folder / "data", url)
    with (house.data / "fairlead.toml").open("a") as settings:
        settings.write(LIVELY)
    _ask(house, lambda bots: _create(bots, house, NARROW if at_okx else WIDE))
    with contextlib.ExitStack() as stack:
        okx = stack.enter_context(okx_running(folder, seed)) if at_okx else None
        victim = Victim(house, f"okx:{okx.port}" if okx else "")
        with victim.living():
            _kill_often(victim, random.Random(seed), kills)
            victim.start()
            victim.wait_until_it_listens()
            _ask(house, lambda bots: _pause(bots, house))
            asyncio.run(wait_until_settled(house))
            asyncio.run(_wait_until_quiet(house, okx))
            assert victim.stop() == 0, victim.tail()
        seen = okx.count(house) if okx else asyncio.run(read_paper_books(house))
    return asyncio.run(_count(house, seen))


def _kill_often(victim: Victim, dice: random.Random, kills: int) -> None:
    for _ in range(kills):
        victim.start()
        victim.wait_until_it_listens()
        time.sleep(dice.uniform(0.2, 1.2))
        victim.kill()


def _ask(house: House, work: Callable[[BotRegistry], object]) -> None:
    async def ask(registry: Registry) -> None:
        await work(BotRegistry(registry.store, SystemClock()))  # type: ignore[misc]

    asyncio.run(ask_database(Settings(data_dir=house.data, database_url=house.url), ask))


async def _create(bots: BotRegistry, house: House, step: Decimal) -> None:
    size = Size(amount=CONTRACTS, unit=SizeUnit.CONTRACTS)
    first, second = (account.label for account in house.accounts)
    for name, account, symbol, direction in (
        ("long", first, LINEAR, Direction.LONG),
        ("short", first, LINEAR, Direction.SHORT),
        ("ether", second, ETHER, Direction.LONG),
    ):
        settings = MartingaleSettings(
            direction=direction,
            base_order=size,
            safety_order=size,
            max_safety_orders=LEVELS,
            active_safety_orders=LEVELS,
            step=step,
            take_profit=(TakeProfitStep(percent=step),),
            take_profit_after_fees=False,
        )
        require(await bots.create(house.tenant, BotWish(name=name, account=account, symbol=symbol, settings=settings)))


async def _pause(bots: BotRegistry, house: House) -> None:
    for bot in await bots.list_all(house.tenant):
        require(await bots.set_wish(house.tenant, bot.bot.bot_id, Wish.PAUSE))


async def _load(house: House) -> tuple[Sequence[KnownBot], Sequence[Order], Sequence[SubPosition]]:
    async def read(registry: Registry) -> tuple[Sequence[KnownBot], Sequence[Order], Sequence[SubPosition]]:
        known = await BotRegistry(registry.store, SystemClock()).list_all(house.tenant)
        async with registry.store.session(house.tenant) as session:
            orders = [
                order
                for account in house.accounts
                for order in await states.load_orders_since(session, 0, account.account_id)
            ]
        async with registry.store.system_session() as system:
            shares = [share for owned in (await load_shares(system)).values() for share in owned]
        return known, orders, shares

    return await ask_database(Settings(data_dir=house.data, database_url=house.url), read)


async def _wait_until_quiet(house: House, okx: SimulatedOkx | None) -> None:
    """Return when every bot is paused, rests with nothing but its exit, and has heard all that the exchange did."""
    clock = SystemClock()
    async with asyncio.timeout(QUIET_S_MAX):
        while True:
            known, orders, _ = await _load(house)
            seen = {} if okx is None else await asyncio.to_thread(okx.count, house)
            unheard = [line for name, books in seen.items() for line in _check_orders(_of(orders, name), books)]
            if not unheard and all(_is_quiet(one.state) for one in known):
                return
            await clock.sleep_ms(POLL_MS)


def _is_quiet(state: BotState | None) -> bool:
    if state is None or state.status is not BotStatus.PAUSED:
        return False
    exits = [order for order in state.orders if not order.want.opens]
    rests = len(exits) == len(state.orders) and not any(order.canceling_ms for order in exits)
    return rests and bool(exits) is bool(state.deal.quantity)


async def _count(house: House, seen: Seen) -> BotRound:
    known, orders, shares = await _load(house)
    problems = [
        f"{one.bot.name}: {line}"
        for one in known
        if one.state is not None
        for line in _check(one.state, [order for order in orders if order.source_id == one.bot.bot_id], shares)
    ]
    for account in house.accounts:
        mine = [share for share in shares if share.account_id == account.account_id]
        problems += [f"{account.label}: {line}" for line in _check_sum(mine, seen[account.account_id])]
        theirs = seen[account.account_id]
        problems += [f"{account.label}: {line}" for line in _check_orders(_of(orders, account.account_id), theirs)]
    problems += verify(house.url, journal_fold(), records=record_kinds()).problems
    decisions = sum(one.state.version for one in known if one.state is not None)
    return BotRound(decisions=decisions, orders=len(orders), problems=problems)


def _of(orders: Sequence[Order], account_id: str) -> list[Order]:
    return [order for order in orders if order.account_id == account_id]


def _check(state: BotState, orders: Sequence[Order], shares: Sequence[SubPosition]) -> Iterator[str]:
    """What it believes to hold is what its fills add up to, its share, and what its one exit is for."""
    deal = state.deal
    signed = deal.quantity if deal.is_long else -deal.quantity
    filled = sum((one.filled_quantity * (1 if one.side is Side.BUY else -1) for one in orders), ZERO)
    share = sum((one.signed_quantity for one in shares if one.source_id == state.bot_id), ZERO)
    if not signed == filled == share:
        yield f"it believes to hold {signed}, its fills add up to {filled}, its share is {share}"
    if deal.opened > WORST_CASE:
        yield f"it has opened {deal.opened}, planned were at most {WORST_CASE}"
    resting = [one for one in orders if not one.is_terminal and not one.origin]
    if sum((one.leaves_quantity for one in resting), ZERO) != deal.quantity or len(resting) > 1:
        yield f"it holds {deal.quantity}, and {[(one.side, one.leaves_quantity) for one in resting]} rest"


def _check_sum(shares: Sequence[SubPosition], seen: SeenAccount) -> Iterator[str]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for share in shares:
        sums[f"{share.symbol} {share.position_side}"] += share.quantity
    ours = {name: quantity for name, quantity in sums.items() if quantity}
    if ours != seen.positions:
        yield f"shares add up to {ours}, the exchange has {seen.positions}"


def _check_orders(orders: Sequence[Order], seen: SeenAccount) -> Iterator[str]:
    """No order is at the exchange twice, or unknown to us, or filled otherwise."""
    theirs = {order.order_id: order.filled for order in seen.orders}
    ours = {order.order_id: order.filled_quantity for order in orders if order.venue_order_id}
    if len(theirs) != len(seen.orders) or theirs != ours:
        different = {name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name)}
        yield f"of {len(seen.orders)} orders these differ: {sorted(different)}"
