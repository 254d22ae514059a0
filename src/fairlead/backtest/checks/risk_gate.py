"""The risk checks in a replay: every order passes the gate that live orders pass, at a small part of the price.

Live, each order is asked everything (``core/rules/risk.py check_order``). Here a bound is computed first: if all that
is held, pending and asked for, at its worst, stays within every limit, then no check could deny, and none is asked.
Only where the bound cannot prove it is the real check made, on a real view of the account, and its word counts. So the
gate answers what the checks would answer; a property test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.backtest.checks.risk_bound import Asked, Bound
from fairlead.backtest.checks.risk_losses import LossReplay
from fairlead.backtest.checks.risk_memory import Memory, Placed, spent_by
from fairlead.backtest.checks.risk_room import Room, rooms_of
from fairlead.backtest.checks.risk_view import AccountNow, ViewMaker, bot_request, replay_account
from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.bots.decision import Want
from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import ApprovedOrder
from fairlead.core.model.risk import RiskLimits
from fairlead.core.model.trades import ClosedTrade
from fairlead.core.rules.risk import check_order, explain_check, loss_limits, merge_limits

__all__ = ["AccountNow", "RiskGate", "make_gate"]


class RiskGate:
    """Says of every order of a replay whether it may be placed.

    ``losses`` is either told of the equity at each close, or asked afterwards whether it ``matters`` to what was
    ordered. ``asked`` counts the orders for which the bound was not enough.
    """

    def __init__(self, maker: ViewMaker, bound: Bound, losses: LossReplay) -> None:
        """Take the parts; ``make_gate`` makes them from a spec."""
        self.losses = losses
        self.asked = 0
        self._maker = maker
        self._bound = bound
        self._memory = Memory(maker.lanes)

    def room_of(self, bot: int) -> Room | None:
        """What the limits leave to a bot; None where nothing can be proven of it beforehand."""
        return self._bound.rooms[bot]

    def check(self, bot: int, want: Want, quantity: Decimal, now: AccountNow, at_ms: int) -> str:
        """Ask for one order, ``quantity`` of it left, in the instrument's unit.

        Empty: it counts as placed. Else why it may not be: each check that denies, with its numbers.
        """
        lane = self._maker.lanes[bot]
        price = now.prices[lane.instrument.symbol]
        spent = spent_by(want, lane.instrument)
        asked = _asked(want, quantity, spent, price, lane.instrument)
        is_proven = self._is_order(want, quantity, spent, price, lane.instrument)
        if not want.opens:
            if not (is_proven and quantity <= now.free) and (why := self._ask(bot, want, quantity, now, at_ms)):
                return why
            self._bound.keep_exit(bot, asked, at_ms)
            now.free -= quantity
        else:
            is_proven = is_proven and self.losses.is_calm and self._bound.fits(bot, asked, now, at_ms)
            if not is_proven and (why := self._ask(bot, want, quantity, now, at_ms)):
                return why
            self._bound.keep(bot, asked, now, at_ms)
        now.resting += 1
        self._memory.note(Placed(at_ms, bot, want, quantity if spent is None else spent, price))
        return ""

    def note_close(self, closed: ClosedTrade) -> None:
        """Hear that a position of a perpetual was closed: losing streaks and pauses count from it."""
        self._memory.closes.append(closed)
        self._bound.note_close(closed)

    def _ask(self, bot: int, want: Want, quantity: Decimal, now: AccountNow, at_ms: int) -> str:
        self.asked += 1
        order = self._maker.order(bot, want, quantity, now, at_ms)
        request = self._maker.request(bot, order, opens=want.opens, at_ms=at_ms)
        view = self._maker.view(bot, now, at_ms, self._memory, self.losses.standing)
        verdict = check_order(order, request, view)
        if isinstance(verdict, ApprovedOrder):
            return ""
        return "; ".join(explain_check(check) for check in verdict.verdict.denials)

    @staticmethod
    def _is_order(want: Want, quantity: Decimal, spent: Decimal | None, price: Decimal, instrument: Instrument) -> bool:
        """Whether it is an order at all: whole lots and ticks, neither too small nor too large."""
        if spent is not None:
            least = max(instrument.quantity_min * price, instrument.notional_min)
            return ZERO < least <= spent <= instrument.market_quantity_max * price
        if quantity <= ZERO or not instrument.is_valid_quantity(quantity):
            return False
        if want.price is None:
            is_whole = quantity <= instrument.market_quantity_max
        else:
            price = want.price
            is_whole = quantity <= instrument.limit_quantity_max and instrument.is_valid_price(price)
        return is_whole and instrument.notional_in_quote(quantity, price) >= instrument.notional_min


def make_gate(
    spec: BacktestSpec,
    instruments: Mapping[str, Instrument],
    *,
    begin_ms: int,
    profiles: ProfileBook | None = None,
    is_quick: bool = True,
) -> RiskGate:
    """The gate of a run that begins at ``begin_ms``, with the limits of ``spec.risk_profile``.

    As for every account, those of the platform and of bots come on top. ``is_quick`` False asks of every order.
    """
    profiles = profiles or _built_in()
    account = replay_account(spec)
    limits: dict[str, RiskLimits] = {}
    label = spec.risk_profile
    for bot in spec.bots:
        limits[bot.symbol], label = profiles.limits_for(account, bot_request(bot.symbol))
    maker = ViewMaker(spec, instruments, limits, label)
    lanes, length_ms = maker.lanes, TIMEFRAMES_MS[spec.replayed_timeframe]
    rooms = rooms_of(spec, lanes, [maker.limits_of(number) for number in range(len(lanes))], length_ms)
    losses = LossReplay(
        profiles.loss_limits_for(account),
        loss_limits(merge_limits(*limits.values())),
        spec.cash,
        begin_ms,
    )
    bound = Bound(lanes, rooms if is_quick else (None,) * len(lanes), length_ms)
    return RiskGate(maker, bound, losses)


@lru_cache(maxsize=1)
def _built_in() -> ProfileBook:
    return ProfileBook(built_in_profiles())


def _asked(want: Want, quantity: Decimal, spent: Decimal | None, price: Decimal, instrument: Instrument) -> Asked:
    limit = price if want.price is None else want.price
    if spent is not None:
        return Asked(spent, spent, limit)
    size = quantity * instrument.contract_value
    return Asked(size * price, size * limit, limit)
