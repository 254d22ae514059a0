"""Funding: what longs pay, shorts get, the makers of the house with them."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.simulator.events import BalanceChanged, BalanceReason
from fairlead.simulator.funding import FUNDINGS_CAUGHT_UP_MAX
from fairlead.simulator.ledger import House
from fairlead.simulator.rules import HOUR_MS
from tests.simulator.member import INVERSE, LINEAR, Member, quiet_exchange


def paid(member: Member) -> list[Decimal]:
    return [
        event.change
        for event in member.exchange.drain_events()
        if isinstance(event, BalanceChanged) and event.reason is BalanceReason.FUNDING
    ]


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE])
def test_a_long_and_a_short_of_one_size_pay_each_other(symbol: str) -> None:
    exchange = quiet_exchange()
    ann, bob = Member(exchange, "ann"), Member(exchange, "bob")
    ann.buy(symbol, "10")
    bob.sell(symbol, "10")
    currency = exchange.instruments[symbol].settle_currency

    ann.wait(8 * HOUR_MS)

    amounts = paid(ann)
    assert len(amounts) == 2
    assert amounts[0] != ZERO
    assert sum(amounts) == ZERO
    assert exchange.house_balance(House.FUNDING, currency) == ZERO


def test_a_positive_rate_is_paid_by_longs_at_the_mark() -> None:
    ann = Member()
    ann.buy(LINEAR, "10")
    funding = ann.exchange.markets.funding(LINEAR)

    ann.now_ms = funding.at_ms
    ann.exchange.advance(funding.at_ms)

    mark = ann.exchange.markets.quote(LINEAR).mark
    expected = -funding.rate * 10 * Decimal("0.01") * mark
    assert paid(ann) == [expected]
    position = ann.position()
    assert position is not None
    assert position.funding == expected
    assert ann.exchange.house_balance(House.FUNDING, "USDT") == -expected


def test_who_holds_nothing_at_the_instant_pays_nothing() -> None:
    ann = Member()
    funding = ann.exchange.markets.funding(LINEAR)
    ann.buy(LINEAR, "10")
    ann.wait(funding.at_ms - ann.now_ms - 250)
    ann.sell(LINEAR, "10")

    ann.wait(1000)

    assert paid(ann) == []


def test_settlements_follow_the_interval_of_the_rules() -> None:
    ann = Member(quiet_exchange(funding_interval_ms=HOUR_MS))
    ann.buy(LINEAR, "10")

    for _ in range(5):
        ann.wait(HOUR_MS)

    assert len(paid(ann)) == 5


def test_settlements_missed_in_a_stop_are_caught_up_to_a_limit() -> None:
    ann = Member(quiet_exchange(funding_interval_ms=HOUR_MS))
    ann.buy(LINEAR, "10")

    ann.wait(HOUR_MS * (FUNDINGS_CAUGHT_UP_MAX + 50))

    assert len(paid(ann)) == FUNDINGS_CAUGHT_UP_MAX


def test_rates_vary_within_their_limits() -> None:
    exchange = quiet_exchange(funding_rate_max=Decimal("0.0001"), steps_caught_up_max=1)
    rates = []
    now_ms = exchange.markets.funding(LINEAR).at_ms
    for _ in range(30):
        exchange.advance(now_ms)
        rates.append(exchange.markets.funding(LINEAR).rate)
        now_ms += 8 * HOUR_MS

    assert all(abs(rate) <= Decimal("0.0001") for rate in rates)
    assert any(before != after for before, after in pairwise(rates))


def test_an_isolated_position_pays_from_its_margin_only_when_there_is_no_cash() -> None:
    ann = Member(quiet_exchange(funding_rate_max=Decimal("0.00001")), balances={"USDT": "700"})
    ann.leverage(LINEAR, "10", MarginMode.ISOLATED)
    ann.buy(LINEAR, "11", margin_mode=MarginMode.ISOLATED)
    before = ann.position()
    ann.exchange.withdraw("ann", "USDT", ann.available())

    for _ in range(3):
        ann.wait(8 * HOUR_MS)

    after = ann.position()
    assert before is not None
    assert after is not None
    assert after.margin == ann.total()
    assert after.margin < before.margin
