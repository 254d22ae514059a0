"""A plain ladder in whole ticks and lots, made from the rule's own factors and sizes.

Whole numbers of any length are exact in Python, and several times faster than Decimal. What the rule rounds is rounded
here at the same place: prices of levels and of the take-profit to ticks, quantities to lots. A property test holds the
replay of such a plan equal, bit for bit, to that of the rule itself.
"""

from __future__ import annotations

from decimal import Decimal
from math import lcm
from typing import Final

import msgspec

from fairlead.backtest.spec import IntraBar, ReplayTerms
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import MartingaleSettings, PriceRounding, TakeProfitFrom
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import SizeUnit
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.core.rules.bots.rules import closing_fee
from fairlead.core.rules.sizing import to_native

_MS_PER_SECOND: Final = 1_000
_PLAIN: Final = MartingaleSettings()
_MAY_DIFFER: Final = frozenset(
    {
        *("base_order", "safety_order", "max_safety_orders", "active_safety_orders", "step", "step_scale"),
        *("volume_scale", "deviation_from", "custom_ladder", "take_profit", "take_profit_from"),
        *("take_profit_after_fees", "price_rounding", "reserve", "leverage", "margin_mode", "cooldown_s"),
    }
)
"""What a plain ladder may have as it likes; every other setting must be as it is by default."""


class Level(msgspec.Struct, frozen=True, gc=False):
    """One level.

    It rests at ``anchor * up / down`` ticks of the instrument and buys ``size / price`` lots, with ``anchor`` and
    ``price`` in ticks of the series. A size is rounded down: what whole ticks buy of the rest is no whole lot.
    """

    up: int
    down: int
    size: int


class LadderPlan(msgspec.Struct, frozen=True):
    """A ladder of spot buys that can be replayed in whole numbers; level 0 is the base order.

    ``coarse`` is how many ticks of the series one of the instrument has; ``value_unit`` is what one lot at one tick of
    the series is worth. Fees are ``maker`` and ``taker`` over ``fee_scale``; the gain is ``gain`` over ``gain_down``,
    what closing leaves after its fee ``close_up`` over ``close_down``. ``cost_max`` is what all safety orders and
    their fees cost at most, and ``value_min`` the least that an order may be worth.
    """

    levels: tuple[Level, ...]
    active: int
    is_nearest: bool
    from_base: bool
    counts_fees: bool
    coarse: int
    value_unit: Decimal
    fee_scale: int
    maker: int
    taker: int
    gain: int
    gain_down: int
    close_up: int
    close_down: int
    lots_min: int
    value_min: int
    cost_max: int
    cooldown_ms: int

    def price(self, level: int, anchor: int) -> int:
        """Where a level rests, in ticks of the series."""
        one = self.levels[level]
        up, down = anchor * one.up, one.down
        return ((2 * up + down) // (2 * down) if self.is_nearest else up // down) * self.coarse

    def lots(self, level: int, ticks: int) -> int:
        """What a level buys at a price, in whole lots, rounded down."""
        return self.levels[level].size // ticks

    def exit_price(self, lots: int, value: int, base_value: int, fee: int) -> int:
        """Where the take-profit rests, in ticks of the series (``core/rules/bots/targets.py``).

        Values are in ``value_unit``; ``fee`` is what entries paid, in that over ``fee_scale``.
        """
        part = base_value if self.from_base else value
        up = (value * self.gain_down + part * self.gain) * self.fee_scale
        if self.counts_fees:
            up += fee * self.gain_down
        up *= self.close_down
        down = self.gain_down * self.fee_scale * lots * self.close_up * self.coarse
        return ((2 * up + down) // (2 * down) if self.is_nearest else -(-up // down)) * self.coarse


def plan_ladder(settings: Settings, terms: ReplayTerms, instrument: Instrument, tick: Decimal) -> LadderPlan | None:
    """The plan of a bot on a series of this tick; None where its run needs more than whole numbers.

    Contracts can be liquidated; latency, paths within candles and all but plain settings are for the rule itself.
    """
    coarse, rest = divmod(instrument.tick_size, tick)
    if rest or not coarse or not instrument.is_spot or not isinstance(settings, MartingaleSettings):
        return None
    if not _is_plain(settings) or terms.latency_ms or terms.slippage or terms.intra_bar is IntraBar.PATH:
        return None
    ladder = Ladder(settings, instrument)
    if ladder.is_dynamic or min(ladder.factors) <= ZERO or set(ladder.units) != {SizeUnit.QUOTE}:
        return None
    fees = (terms.fees.spot_maker, terms.fees.spot_taker)
    value_unit = tick * instrument.lot_size * instrument.contract_value
    (maker, maker_down), (taker, taker_down) = (fee.as_integer_ratio() for fee in fees)
    fee_scale = lcm(maker_down, taker_down)
    gain, gain_down = (settings.take_profit[0].percent / HUNDRED).as_integer_ratio()
    rate = closing_fee(instrument, terms.fees) if settings.take_profit_after_fees else ZERO
    close_up, close_down = (ONE - rate).as_integer_ratio()
    return LadderPlan(
        levels=tuple(_level(ladder, level, tick, int(coarse)) for level in range(settings.levels + 1)),
        active=settings.active_safety_orders,
        is_nearest=settings.price_rounding is PriceRounding.NEAREST,
        from_base=settings.take_profit_from is TakeProfitFrom.BASE,
        counts_fees=settings.take_profit_after_fees,
        coarse=int(coarse),
        value_unit=value_unit,
        fee_scale=fee_scale,
        maker=maker * (fee_scale // maker_down),
        taker=taker * (fee_scale // taker_down),
        gain=gain,
        gain_down=gain_down,
        close_up=close_up,
        close_down=close_down,
        lots_min=max(1, _at_least(instrument.quantity_min / instrument.lot_size)),
        value_min=_at_least(instrument.notional_min / value_unit),
        cooldown_ms=settings.cooldown_s * _MS_PER_SECOND,
        cost_max=_at_least(sum(ladder.sizes[1:], ZERO) * (ONE + max(ZERO, *fees)) / value_unit),
    )


def _is_plain(settings: MartingaleSettings) -> bool:
    if settings.direction is not Direction.LONG or len(settings.take_profit) != 1:
        return False
    others = (name for name in MartingaleSettings.__struct_fields__ if name not in _MAY_DIFFER)
    return all(getattr(settings, name) == getattr(_PLAIN, name) for name in others)


def _level(ladder: Ladder, level: int, tick: Decimal, coarse: int) -> Level:
    up, down = ladder.factors[level].as_integer_ratio()
    at_one_tick = to_native(ladder.instrument, ladder.size(level), tick)
    assert at_one_tick is not None, level
    amount, amount_down = at_one_tick.numerator.as_integer_ratio()
    lot, lot_down = (at_one_tick.denominator * ladder.instrument.lot_size).as_integer_ratio()
    return Level(up, down * coarse, amount * lot_down // (amount_down * lot))


def _at_least(amount: Decimal) -> int:
    """The least whole number that is not below an amount."""
    return -int(-amount // ONE)
