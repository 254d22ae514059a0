"""A small account that trades by lot: what it is worth, holds and has resting, for tests of the risk gate."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Final

import msgspec

from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.backtest.checks.risk_gate import RiskGate, make_gate
from fairlead.backtest.checks.risk_view import AccountNow, Held, Picture, Resting
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.core.model.bots.decision import Direction, Want, want_entry, want_exit
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.model.risk import RiskLimits, RiskProfile
from fairlead.core.model.trades import ClosedTrade

D = Decimal
ZERO: Final = D(0)
BEGIN_MS: Final = 1_735_689_600_000
BTC, ETH, BTC_SWAP, ETH_SWAP = "BTC-USDT", "ETH-USDT", "BTC-USDT-SWAP", "ETH-USDT-SWAP"
PRICES: Final = {BTC: D(60_000), ETH: D(2_500), BTC_SWAP: D(60_000), ETH_SWAP: D(2_500)}


def instrument(symbol: str, **changes: object) -> Instrument:
    """A market of one of the four symbols."""
    is_spot = not symbol.endswith("SWAP")
    given = Instrument(
        symbol=symbol,
        kind=InstrumentKind.SPOT if is_spot else InstrumentKind.LINEAR_PERPETUAL,
        base_currency=symbol.split("-", maxsplit=1)[0],
        quote_currency="USDT",
        settle_currency="USDT",
        tick_size=D("0.01"),
        lot_size=D("0.000001") if is_spot else D("0.01"),
        quantity_min=D("0.00001") if is_spot else D("0.01"),
        limit_quantity_max=D(10_000),
        market_quantity_max=D(5_000),
        notional_min=D(1),
        contract_value=D(1) if is_spot else D("0.01"),
        leverage_max=D(1) if is_spot else D(100),
        maintenance_margin_rate=ZERO if is_spot else D("0.004"),
    )
    return msgspec.structs.replace(given, **changes)


INSTRUMENTS: Final = {symbol: instrument(symbol) for symbol in PRICES}

W2: Final = MartingaleSettings(
    base_order=Size(amount=D(100), unit=SizeUnit.QUOTE),
    safety_order=Size(amount=D(100), unit=SizeUnit.QUOTE),
    max_safety_orders=7,
    active_safety_orders=7,
    step=D(1),
    step_scale=D("1.2"),
    volume_scale=D("1.5"),
    take_profit=(TakeProfitStep(percent=D(1)),),
    take_profit_after_fees=False,
)


def spec_of(*symbols: str, cash: str = "10000", profile: str = "paper", **settings: object) -> BacktestSpec:
    """A run of one W2 bot for each symbol, with changes."""
    chosen = msgspec.structs.replace(W2, **settings)
    bots = tuple(BotSpec(name=f"bot-{n}", symbol=symbol, settings=chosen) for n, symbol in enumerate(symbols))
    return BacktestSpec(bots=bots, cash=D(cash), risk_profile=profile)


def profiles_with(limits: RiskLimits) -> ProfileBook:
    """The built-in profiles and one named ``drawn``."""
    drawn = RiskProfile(name="drawn", version=1, description="drawn by lot", limits=limits)
    return ProfileBook({**built_in_profiles(), "drawn": drawn})


def gates(spec: BacktestSpec, profiles: ProfileBook | None = None) -> tuple[RiskGate, RiskGate]:
    """One that proves what it can, and one that asks of every order."""
    quick, asking = (
        make_gate(spec, INSTRUMENTS, begin_ms=BEGIN_MS, profiles=profiles, is_quick=is_quick)
        for is_quick in (True, False)
    )
    return quick, asking


class Toy:
    """An account whose orders fill whenever the lot says so."""

    def __init__(self, spec: BacktestSpec, random: Random) -> None:
        self.spec = spec
        self.random = random
        self.cash = spec.cash
        self.prices = {bot.symbol: PRICES[bot.symbol] for bot in spec.bots}
        self.held: dict[str, Held] = {}
        self.resting: list[Resting] = []
        self.closed: list[ClosedTrade] = []
        self.at_ms = BEGIN_MS

    def now(self, bot: int) -> AccountNow:
        """What the gate is told."""
        symbol = self.spec.bots[bot].symbol
        held = self.held.get(symbol, Held(symbol, ZERO))
        exits = sum((one.quantity for one in self.resting if not one.opens and self._symbol(one) == symbol), ZERO)
        return AccountNow(
            cash=self.cash,
            equity=self.cash + sum((self._worth(one) for one in self.held.values()), ZERO),
            gross=sum((abs(self._value(one)) for one in self.held.values()), ZERO),
            prices=dict(self.prices),
            resting=len(self.resting),
            held=held.quantity,
            free=abs(held.quantity) - exits,
            picture=lambda: Picture(tuple(self.held.values()), tuple(self.resting)),
            entry_price=held.entry_price,
        )

    def go_on(self) -> None:
        """Let a minute or more pass: prices move, and some of what rests is filled or canceled."""
        self.at_ms += 60_000 * self.random.choice((1, 1, 2, 15))
        for symbol, price in self.prices.items():
            moved = price * D(self.random.randint(970, 1030)) / 1000
            self.prices[symbol] = moved.quantize(D("0.01"))
        for one in list(self.resting):
            fate = self.random.random()
            if one.price is None or fate < 0.25:
                self.resting.remove(one)
                self._fill(one)
            elif fate < 0.5:
                self.resting.remove(one)

    def place(self, bot: int, want: Want, quantity: Decimal) -> None:
        """Put an order on the book."""
        self.resting.append(Resting(bot, want.slot, want.side is Side.BUY, want.opens, quantity, want.price))

    def draw(self, bot: int) -> tuple[Want, Decimal]:
        """An order that somebody might want, and its quantity."""
        symbol, settings = self.spec.bots[bot].symbol, self.spec.bots[bot].settings
        market, price = INSTRUMENTS[symbol], self.prices[symbol]
        assert isinstance(settings, MartingaleSettings)
        side = settings.direction.entry
        held = self.held.get(symbol, Held(symbol, ZERO))
        if held.quantity and self.random.random() < 0.4:
            part = self.random.choice((100, self.random.randint(1, 110)))
            whole = market.round_quantity_down(abs(held.quantity) * part / 100)
            at = self.near(price, self.random.choice((1, -1)))
            return want_exit("t1", side.opposite, Size(amount=whole, unit=SizeUnit.NATIVE), at), whole
        spent = D(self.random.choice((1, 50, 100, 400, 2_000, 9_000)))
        limit = None if self.random.random() < 0.3 else self.near(price, -1 if side is Side.BUY else 1)
        lots = spent / (limit or price) / market.contract_value / market.lot_size
        quantity = lots.quantize(D(1), ROUND_DOWN) * market.lot_size
        return want_entry(
            f"s{self.random.randint(1, 9)}", side, Size(amount=spent, unit=SizeUnit.QUOTE), limit
        ), quantity

    def near(self, price: Decimal, sign: int) -> Decimal:
        """A price up to a few percent away, mostly on the passive side, sometimes not on a tick."""
        step = D("0.001") if self.random.random() < 0.05 else D("0.01")
        return (price * (1 + sign * D(self.random.randint(-10, 120)) / 1000)).quantize(step)

    def _close(self, market: Instrument) -> None:
        is_loss, by_stop = self.random.random() < 0.7, self.random.random() < 0.3
        self.closed.append(
            ClosedTrade(at_ms=self.at_ms, asset=market.base_currency, request_id="", is_loss=is_loss, by_stop=by_stop)
        )

    def _symbol(self, one: Resting) -> str:
        return self.spec.bots[one.bot].symbol

    def _value(self, held: Held) -> Decimal:
        return held.quantity * INSTRUMENTS[held.symbol].contract_value * self.prices[held.symbol]

    def _worth(self, held: Held) -> Decimal:
        if INSTRUMENTS[held.symbol].is_spot:
            return self._value(held)
        size = held.quantity * INSTRUMENTS[held.symbol].contract_value
        return size * (self.prices[held.symbol] - held.entry_price)

    def _fill(self, one: Resting) -> None:
        symbol = self._symbol(one)
        market = INSTRUMENTS[symbol]
        price = self.prices[symbol] if one.price is None else one.price
        held = self.held.get(symbol, Held(symbol, ZERO))
        signed = one.quantity if one.is_buy else -one.quantity
        after = held.quantity + signed
        if not one.opens and abs(after) > abs(held.quantity):
            return
        value = signed * market.contract_value * price
        entry = held.entry_price
        if market.is_spot:
            self.cash -= value
        elif one.opens and after * held.quantity <= 0:
            self.cash -= (after - signed) * market.contract_value * (entry - price)
            entry = price
        elif one.opens:
            entry = (abs(held.quantity) * entry + one.quantity * price) / abs(after)
        else:
            self.cash -= signed * market.contract_value * (price - entry)
        self.cash -= abs(value) / 1000
        if not market.is_spot and held.quantity and after * held.quantity <= 0:
            self._close(market)
        if after:
            self.held[symbol] = Held(symbol, after, ZERO if market.is_spot else entry)
        else:
            self.held.pop(symbol, None)


def settings_for(symbol: str, random: Random) -> MartingaleSettings:
    """A martingale of either direction, as far as the market allows one."""
    is_short = symbol.endswith("SWAP") and random.random() < 0.5
    return msgspec.structs.replace(
        W2,
        direction=Direction.SHORT if is_short else Direction.LONG,
        leverage=None if random.random() < 0.5 else D(random.choice((1, 3, 20))),
        step=D(random.choice(("0.05", "0.6", "1", "3"))),
        step_scale=D(random.choice(("1", "1.2"))),
        safety_order=Size(amount=D(random.choice((5, 100, 300))), unit=SizeUnit.QUOTE),
    )
