"""The simulated world as a whole: repeatable, conserving, cheap while nothing happens."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.account import MarginMode
from fairlead.core.model.market import Candle
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.simulator.account import Account
from fairlead.simulator.dice import Dice
from fairlead.simulator.events import BalanceChanged, ExchangeEvent, OrderFilled
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.ledger import House
from fairlead.simulator.orders import OrderType
from fairlead.simulator.price_path import CandlePath, PricePath
from fairlead.simulator.rules import VenueRules
from tests.simulator.member import INVERSE, LINEAR, SPOT, START_MS, Member, exits

Deed = tuple[int, str, bool, int, int, int]

deeds = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([SPOT, LINEAR, INVERSE]),
        st.booleans(),
        st.integers(1, 40),
        st.integers(-30, 30),
        st.integers(0, 5),
    ),
    max_size=30,
)


def live(done: list[Deed], seed: int) -> tuple[Exchange, list[ExchangeEvent]]:
    """Let two members do things in a market that moves."""
    exchange = Exchange(
        instruments=DEFAULT_INSTRUMENTS[:1] + DEFAULT_INSTRUMENTS[8:],
        seed=seed,
        now_ms=START_MS,
        rules=VenueRules(flow_percent=100, funding_interval_ms=1000, volatility=Decimal("0.0005")),
    )
    members = [Member(exchange, name, balances={"USDT": "3000", "BTC": "0.1"}) for name in ("ann", "bob")]
    for member in members:
        member.leverage(LINEAR, "50")
        member.leverage(INVERSE, "50", MarginMode.ISOLATED)
    events: list[ExchangeEvent] = exchange.drain_events()
    for who, symbol, is_buy, size, offset, steps in done:
        member = members[who]
        tick = Decimal("0.1")
        mid = exchange.markets.quote(symbol).mid
        price = None if offset == 0 else str((mid * (1 + Decimal(offset) / 20000)).quantize(tick))
        stop = str((mid * (Decimal("0.999") if is_buy else Decimal("1.001"))).quantize(tick))
        wish = member.wish(
            Side.BUY if is_buy else Side.SELL,
            symbol,
            str(Decimal(size) / 1000 if symbol == SPOT else size),
            price=price,
            margin_mode=MarginMode.ISOLATED if symbol == INVERSE else MarginMode.CROSS,
            exits=exits(stop_loss=stop) if size % 3 == 0 else None,
        )
        member.place(wish)
        for each in members:
            each.now_ms += 250 * steps
        exchange.advance(members[0].now_ms)
        events += exchange.drain_events()
    return exchange, events


@given(deeds, st.integers(0, 5))
def test_cash_is_neither_made_nor_lost(done: list[Deed], seed: int) -> None:
    exchange, events = live(done, seed)

    for currency in ("USDT", "BTC"):
        members = sum((exchange.accounts.balance(name, currency).total for name in exchange.account_ids), ZERO)
        house = sum((exchange.house_balance(name, currency) for name in House), ZERO)
        assert members + house == ZERO
        fees = [event.fee for event in events if isinstance(event, OrderFilled) and event.fee_currency == currency]
        assert sum(fees, ZERO) == exchange.house_balance(House.FEES, currency)


@given(deeds, st.integers(0, 5))
def test_reported_changes_add_up_to_the_balances(done: list[Deed], seed: int) -> None:
    exchange, events = live(done, seed)

    for name in ("ann", "bob"):
        for currency, start in (("USDT", Decimal(3000)), ("BTC", Decimal("0.1"))):
            changes = [
                event
                for event in events
                if isinstance(event, BalanceChanged) and (event.account_id, event.currency) == (name, currency)
            ]
            total = exchange.accounts.balance(name, currency).total
            assert start + sum((event.change for event in changes), ZERO) == total
            assert not changes or changes[-1].total == total


@pytest.mark.slow
@given(deeds, st.integers(0, 5))
def test_nobody_without_positions_is_ever_below_zero_and_nothing_stays_held(done: list[Deed], seed: int) -> None:
    exchange, _ = live(done, seed)
    exchange.advance(exchange.markets.quote(SPOT).at_ms + 500)

    for name in exchange.account_ids:
        positions = exchange.accounts.positions(name)
        orders = exchange.accounts.open_orders(name)
        for currency, balance in exchange.accounts.balances(name).items():
            assert balance.equity >= ZERO or positions
            assert balance.total >= ZERO or positions
            held = sum((order.reserved for order in orders if order.reserved_currency == currency), ZERO)
            assert balance.reserved == held


@pytest.mark.slow
@given(deeds, st.integers(0, 5))
def test_the_same_seed_gives_the_same_events(done: list[Deed], seed: int) -> None:
    assert live(done, seed)[1] == live(done, seed)[1]


def test_another_seed_gives_another_market() -> None:
    quotes = []
    for seed in (1, 2):
        exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=seed, now_ms=START_MS)
        exchange.advance(START_MS + 60_000)
        quotes.append(exchange.markets.quote(LINEAR))

    assert quotes[0] != quotes[1]


def test_what_members_do_moves_no_price_path() -> None:
    still = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=1, now_ms=START_MS)
    busy = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=1, now_ms=START_MS)
    ann = Member(busy, balances={"USDT": "10000000"})
    for _ in range(100):
        ann.buy(LINEAR, "30")
        ann.wait(250)
        still.advance(ann.now_ms)

    for symbol in still.instruments:
        before, after = still.markets.quote(symbol), busy.markets.quote(symbol)
        assert (before.index, before.mark) == (after.index, after.mark)


def test_spot_and_perpetuals_of_one_coin_stay_together() -> None:
    bitcoin = [instrument for instrument in DEFAULT_INSTRUMENTS if instrument.base_currency == "BTC"]
    exchange = Exchange(instruments=bitcoin, seed=4, now_ms=START_MS)

    for minute in range(1, 15):
        exchange.advance(START_MS + minute * 60_000)
        spot, swap = exchange.markets.quote(SPOT), exchange.markets.quote(LINEAR)
        assert abs(spot.mid - swap.mid) < spot.mid / 200


@pytest.mark.slow
def test_the_book_is_never_crossed_and_always_deep() -> None:
    exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=4, now_ms=START_MS)

    for step in range(1, 400):
        exchange.advance(START_MS + step * 250)
        for symbol in exchange.instruments:
            book = exchange.markets.book(symbol, 20)
            assert book.bids[0][0] < book.asks[0][0]
            assert min(len(book.bids), len(book.asks)) >= 18


def test_a_long_gap_is_one_jump() -> None:
    exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=4, now_ms=START_MS)
    before = exchange.markets.quote(LINEAR).mid

    exchange.advance(START_MS + 30 * 24 * 3_600_000)

    after = exchange.markets.quote(LINEAR).mid
    assert after != before
    assert abs(after - before) < before / 5


def test_a_walk_comes_back() -> None:
    path = PricePath(anchor=100_000, unit=20, pull_steps=2_000, dice=Dice(9))
    seen = [path.step() for _ in range(50_000)]

    assert any(before < 100_000 <= after for before, after in pairwise(seen[25_000:]))
    assert max(abs(level - 100_000) for level in seen) < 10_000


def test_dice_are_fair_enough_and_repeat() -> None:
    throws = [Dice(5).below(6), *(Dice.named(1, "x").between(1, 6) for _ in range(3))]
    dice = Dice(5)
    counts = [0] * 6
    for _ in range(6000):
        counts[dice.below(6)] += 1

    assert throws[0] == Dice(5).below(6)
    assert len(set(throws[1:])) == 1
    assert all(850 < count < 1150 for count in counts)


def candle(open_ms: int, *prices: int) -> Candle:
    first, high, low, last = (Decimal(price) for price in prices)
    return Candle(symbol=LINEAR, open_ms=open_ms, open=first, high=high, low=low, close=last, volume=ZERO)


def test_replayed_candles_touch_open_extremes_and_close() -> None:
    minute = 60_000
    path = CandlePath([candle(0, 100, 110, 98, 104), candle(minute, 104, 106, 90, 91)], Decimal(1))

    seen = [path.ticks_at(at) for at in range(0, 2 * minute, 250)]

    assert (seen[0], max(seen), min(seen[:240]), min(seen)) == (100, 110, 98, 90)
    assert path.ticks_at(-5) == 100
    assert path.ticks_at(10 * minute) == 91
    with pytest.raises(ValueError, match="order of time"):
        CandlePath([candle(0, 1, 1, 1, 1)], Decimal(1))


def test_an_exchange_can_replay_candles() -> None:
    exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=1, now_ms=START_MS)
    exchange.replay(LINEAR, [candle(START_MS + at * 60_000, 50_000 + at, 50_100, 49_900, 50_000) for at in range(5)])
    ann = Member(exchange)
    order = ann.buy(LINEAR, "1", order_type=OrderType.STOP_MARKET, trigger_price=Decimal(60_500))

    ann.wait(250)

    assert abs(exchange.markets.quote(LINEAR).mid - 50_000) < 100
    assert ann.order(order.venue_order_id).is_pending


def test_idle_accounts_are_not_looked_at() -> None:
    exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=1, now_ms=START_MS)
    looked_at: list[str] = []
    for number in range(300):
        member = Member(exchange, f"m{number}")
        member.buy(LINEAR, "1")
        member.sell(LINEAR, "1", order_type=OrderType.STOP_MARKET, trigger_price=Decimal(50_000), reduce_only=True)
    exchange.advance(START_MS + 250)
    accounts = exchange._world.accounts  # noqa: SLF001 - only here can be seen who was looked at

    class Watched(dict[str, Account]):
        def __getitem__(self, name: str) -> Account:
            looked_at.append(name)
            return super().__getitem__(name)

    exchange._world.accounts = Watched(accounts)  # noqa: SLF001
    exchange.advance(START_MS + 10_000)

    assert looked_at == []
