"""A seeded walk through everything that can happen to two accounts, by chance and at the worst moments."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

from fairlead.core.model.account import MarginMode, PositionMode
from fairlead.core.model.ids import client_order_id
from fairlead.core.model.request import (
    CancelOrders,
    Close,
    Enter,
    Intent,
    OrderRequest,
    OrderType,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    TargetPosition,
    TimeInForce,
)
from fairlead.ports import AppendOutcome
from tests.orders.trading_world import ETHER, INVERSE, LINEAR, SPOT, TradingWorld, account, enter

STEPS = 14
# Longer than a deadline with its margin and the longest pause of those who ask.
AFTERMATH_MS = 30_000
ACCOUNTS = (account("a1"), account("a2", position_mode=PositionMode.LONG_SHORT))
SYMBOLS = (LINEAR, LINEAR, ETHER, INVERSE, SPOT)


class RandomWalk:
    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = Random(seed)
        self.world = TradingWorld.make(folder)
        self.world.halts_expected = True
        self.requests: list[OrderRequest] = []
        self.log: list[str] = []
        self._submits: list[asyncio.Task[AppendOutcome]] = []

    async def run(self) -> None:
        await self.world.start(*ACCOUNTS)
        for _ in range(STEPS):
            action = self.dice.choices(
                (self.wish, self.wait, self.lose, self.move, self.crash, self.refuse),
                weights=(10, 4, 3, 3, 2, 1),
            )[0]
            self.log.append(f"{self.world.clock.now_ms()} {action.__name__}")
            await action()
        await self.calm_down()
        await self.check()

    # --- what may happen

    async def wish(self) -> None:
        for _ in range(self.dice.randint(1, 4)):
            request = self.make_request()
            self.requests.append(request)
            self.log.append(f"    {request.account_id} {request.symbol} {request.order_type} {request.intent}")
            self._submits.append(asyncio.ensure_future(self.world.submit(request)))
            if self.dice.random() < 0.1:
                # The same alert again, at the same time.
                self._submits.append(asyncio.ensure_future(self.world.submit(request)))
        if self.dice.random() < 0.5:
            await self.world.quiet()
        else:
            await self.a_few_turns()

    async def wait(self) -> None:
        await self.world.run_ms(self.dice.choice((50, 250, 1_000, 4_000)))

    async def lose(self) -> None:
        venue = self.world.venue(self.dice.choice(("a1", "a2")))
        match self.dice.randrange(3):
            case 0:
                venue.lose_answers += 1
            case 1:
                venue.lose_requests += 1
            case _:
                venue.find_unanswered += 1

    async def move(self) -> None:
        symbol = self.dice.choice(SYMBOLS)
        price = self.world.price(symbol) * (1 + Decimal(self.dice.randint(-40, 40)) / 10_000)
        self.world.feed(symbol, price)

    async def crash(self) -> None:
        await self.a_few_turns()
        await self.world.crash()
        await self._drop_submits()
        self.world.clock.advance_ms(self.dice.choice((0, 100, 3_000, 20_000)))
        await self.world.start()

    async def refuse(self) -> None:
        account_id = self.dice.choice(("account:a1", "account:a2"))
        self.world.journal.refuse = lambda unit: unit.chain == account_id

    # --- wishes

    def make_request(self) -> OrderRequest:
        symbol = self.dice.choice(SYMBOLS)
        changes: dict[str, object] = {"symbol": symbol, "intent": self.make_intent(symbol)}
        if symbol == SPOT:
            changes["margin_mode"] = MarginMode.CASH
        else:
            # One mode an instrument, because a position has one.
            changes["margin_mode"] = MarginMode.ISOLATED if symbol == ETHER else MarginMode.CROSS
            changes["leverage"] = self.dice.choice((None, None, Decimal(2), Decimal(5)))
            changes["reduce_only"] = self.dice.random() < 0.1
        if self.dice.random() < 0.4:
            touch = self.world.trading.hub.quotes[symbol].mid
            distance = Decimal(self.dice.randint(-20, 20)) / 100_000
            changes["order_type"] = OrderType.LIMIT
            changes["limit_price"] = touch * (1 + distance)
            changes["time_in_force"] = self.dice.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
            changes["post_only"] = changes["time_in_force"] is TimeInForce.GTC and self.dice.random() < 0.2
        if self.dice.random() < 0.2:
            side = getattr(changes["intent"], "side", Side.BUY)
            away = Decimal("0.998") if side is Side.BUY else Decimal("1.002")
            changes["stop_loss_price"] = self.world.price(symbol) * away
        if self.dice.random() < 0.15:
            changes["valid_until_ms"] = self.world.clock.now_ms() + 2_000
        return self.world.request(self.dice.choice(("a1", "a2")), **changes)

    def make_intent(self, symbol: str) -> Intent:
        amount = {SPOT: "0.01", INVERSE: "7"}.get(symbol, "1.25")
        size = Size(amount=Decimal(amount) * self.dice.randint(1, 40), unit=SizeUnit.NATIVE)
        match self.dice.randrange(10):
            case 0 | 1:
                half = Size(amount=Decimal(50), unit=SizeUnit.PERCENT)
                return Close(size=self.dice.choice((None, None, half)))
            case 2:
                return SetTarget(target=self.dice.choice(tuple(TargetPosition)), size=size)
            case 3:
                return CancelOrders()
            case _:
                return enter(self.dice.choice(tuple(Side)), size.amount)

    # --- the end

    async def calm_down(self) -> None:
        self.world.journal.refuse = None
        await self.world.run_ms(AFTERMATH_MS)
        await self._drop_submits()

    async def check(self) -> None:
        for one in ACCOUNTS:
            assert self.world.agrees(one.account_id)
            live, rebuilt = self.world.desk(one.account_id).book, await self.world.rebuilt(one.account_id)
            assert rebuilt.balances == live.balances
            assert rebuilt.positions == live.positions
            assert rebuilt.orders == live.orders
            assert rebuilt.requests == live.requests
            assert rebuilt.leverages == live.leverages
            sent = Counter(
                order.client_order_id for order in self.world.venue_orders(one.account_id) if order.client_order_id
            )
            assert [order_id for order_id, times in sent.items() if times > 1] == []
            ours = {order.order_id: order for order in await self.world.orders(one.account_id)}
            assert set(sent) <= set(ours)
            legs = Counter((order.request_id, order.leg) for order in ours.values() if not order.origin)
            assert [leg for leg, times in legs.items() if times > 1] == []
        self.check_sizes()
        for request in self.requests:
            state = await self.world.find_state(request)
            assert state is None or not state.is_pending, state

    def check_sizes(self) -> None:
        """Nobody gets more than was asked for, however often it was tried."""
        filled: Counter[str] = Counter()
        for one in ACCOUNTS:
            for order in self.world.venue_orders(one.account_id):
                filled[order.client_order_id] += order.filled_quantity  # type: ignore[assignment]
        for request in self.requests:
            if isinstance(request.intent, Enter):
                ids = [
                    client_order_id(cause_at_ms=request.cause_at_ms, request=request.request_id, leg=leg)
                    for leg in range(10)
                ]
                assert sum(filled[order_id] for order_id in ids) <= request.intent.size.amount

    async def a_few_turns(self) -> None:
        for _ in range(self.dice.choice((0, 1, 2, 3, 5, 8, 20, 60))):
            await asyncio.sleep(0)

    async def _drop_submits(self) -> None:
        for submit in self._submits:
            submit.cancel()
        await asyncio.gather(*self._submits, return_exceptions=True)
        self._submits.clear()
