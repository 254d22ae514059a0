"""What the limits leave to the orders of one bot, put as few numbers as a bound can be computed with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from fairlead.backtest.checks.risk_memory import BotLane
from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.grid import GridDirection, GridSettings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.money import ONE, USD_CURRENCIES, ZERO
from fairlead.core.model.request import Side
from fairlead.core.model.risk import RiskLimits
from fairlead.core.rules.holds import HOLD_FEE_RATE

BOUNDLESS: Final = Decimal("1E+30")
"""Stands for a limit that is not set."""

CUT: Final = Decimal("0.999999")
"""Limits are shares of an equity that was rounded down; a bound keeps this far from them."""

COINS_IN: Final = ("USDT", "USDC")
"""Currencies whose spot markets say what a coin is worth."""


class Room(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Limits of a bot's entries as a bound needs them.

    ``share`` bounds all that the account may come to hold, and ``order_share`` one order, as parts of equity;
    ``order_max`` one order in dollars. ``floor`` and ``ceiling`` bound prices as factors of the present one.
    ``hold`` is what a resting entry takes of the cash, as a part of its value, ``margin`` what any holding keeps of it.
    ``distance`` is the least one to a liquidation (zero: none is asked for), ``keep_rate`` what of a position's value
    must stay. ``burst`` orders may be placed within a candle, fewer than ``losses`` positions be closed with a loss in
    ``losses_window_ms``; ``stop_pause_ms`` is how long an asset rests that the venue's own stop has closed.
    ``is_mixed``: the account trades spot and perpetuals.
    """

    side: Side
    share: Decimal
    order_share: Decimal
    order_max: Decimal
    floor: Decimal
    ceiling: Decimal
    hold: Decimal
    margin: Decimal
    distance: Decimal
    keep_rate: Decimal
    is_mixed: bool
    open_orders: int
    burst: int
    symbol_burst: int
    has_duplicates: bool
    repeats: int
    repeat_window_ms: int
    losses: int
    losses_window_ms: int
    stop_pause_ms: int
    fat_finger: Decimal
    blackouts: tuple[str, ...]

    @property
    def is_calm(self) -> bool:
        """Whether nothing that was ordered before counts, and nothing depends on the time."""
        return not (self.blackouts or self.repeat_window_ms or self.has_duplicates or self.fat_finger)

    @property
    def orders_at_once(self) -> int:
        """How many orders may be placed within a candle and rest, where none were before."""
        return min(self.burst, self.symbol_burst, self.open_orders)


class _Account(NamedTuple):
    lanes: Sequence[BotLane]
    limits: Sequence[RiskLimits]
    taker: Decimal
    length_ms: int


def rooms_of(
    spec: BacktestSpec, lanes: Sequence[BotLane], limits: Sequence[RiskLimits], length_ms: int
) -> tuple[Room | None, ...]:
    """One room for each bot; None where nothing is proven beforehand and every entry is asked.

    ``limits`` are those of each bot's orders, ``length_ms`` is that of a candle: the time between two decisions.
    """
    account = _Account(lanes, limits, spec.terms.fees.perpetual_taker, length_ms)
    sides = [_side(bot.settings, lane.instrument) for bot, lane in zip(spec.bots, lanes, strict=True)]
    return tuple(
        None if side is None or not _is_plain(number, sides, account) else _room(number, side, account)
        for number, side in enumerate(sides)
    )


def _side(settings: Settings, instrument: Instrument) -> Side | None:
    """The side on which all entries of a bot are, as far as that is known beforehand."""
    if instrument.is_spot:
        return Side.BUY
    match settings:
        case MartingaleSettings():
            return settings.direction.entry
        case GridSettings(direction=GridDirection.LONG):
            return Direction.LONG.entry
        case GridSettings(direction=GridDirection.SHORT):
            return Direction.SHORT.entry
        case _:
            return None


def _is_plain(number: int, sides: Sequence[Side | None], account: _Account) -> bool:
    """Whether sums of values in dollars say all there is to say about the account with this bot's orders."""
    own = account.lanes[number].instrument
    symbols = {lane.instrument.symbol: lane.instrument for lane in account.lanes}
    coins = [one.base_currency for one in symbols.values() if one.is_spot]
    limit = account.limits[number]
    return (
        all(_is_valued(one) for one in symbols.values())
        and not any(lane.margin_mode is MarginMode.ISOLATED for lane in account.lanes)
        and len(set(coins)) == len(coins)
        and own.state is InstrumentState.LIVE
        and all(
            side is sides[number]
            for side, lane in zip(sides, account.lanes, strict=True)
            if lane.instrument.symbol == own.symbol
        )
        and (limit.open_positions_max is None or len(symbols) <= limit.open_positions_max)
        and _leverage_fits(account.lanes[number], limit)
        and _pace_fits(limit, account.length_ms)
        and _liquidation_fits(account, number)
        and limit.after_exit_pause_ms is None
    )


def _is_valued(instrument: Instrument) -> bool:
    """Whether what is held of it counts in dollars at its own price, and in proportion to it."""
    if instrument.quote_currency not in USD_CURRENCIES or instrument.is_inverse:
        return False
    return not instrument.is_spot or instrument.symbol in {f"{instrument.base_currency}-{one}" for one in COINS_IN}


def _leverage_fits(lane: BotLane, limit: RiskLimits) -> bool:
    allowed = lane.instrument.leverage_max if limit.leverage_max is None else limit.leverage_max
    return ONE <= lane.leverage <= max(ONE, min(allowed, lane.instrument.leverage_max))


def _pace_fits(limit: RiskLimits, length_ms: int) -> bool:
    """Whether a bucket is full again after every candle, so that only orders of one candle must be counted."""
    rate = limit.orders_per_second_max
    return rate is None or rate * length_ms / 1000 >= _burst(limit)


def _burst(limit: RiskLimits) -> int:
    rate = limit.orders_per_second_max
    if rate is None:
        return int(BOUNDLESS)
    return max(int(rate), 1) if limit.orders_burst_max is None else limit.orders_burst_max


def _liquidation_fits(account: _Account, number: int) -> bool:
    """Whether a liquidation price can be bounded: of one perpetual alone, with all of the cash behind it."""
    own = account.lanes[number]
    if own.instrument.is_spot or not account.limits[number].liquidation_distance_min:
        return True
    return len({lane.instrument.symbol for lane in account.lanes}) == 1


def _room(number: int, side: Side, account: _Account) -> Room:
    lane, limit = account.lanes[number], account.limits[number]
    instrument = lane.instrument
    share = (
        limit.position_equity_share_max_spot if instrument.is_spot else limit.position_equity_share_max_perpetual,
        limit.gross_exposure_max,
        limit.net_exposure_max,
        limit.exposure_leverage_max,
        limit.cluster_exposure_max if limit.clusters else None,
    )
    harmful, passive = limit.price_collar, limit.price_collar_passive
    above, below = (harmful, passive) if side is Side.BUY else (passive, harmful)
    return Room(
        side=side,
        share=CUT * min((one for one in share if one is not None), default=BOUNDLESS),
        order_share=CUT * (BOUNDLESS if limit.order_equity_share_max is None else limit.order_equity_share_max),
        order_max=BOUNDLESS if limit.order_notional_max_usd is None else limit.order_notional_max_usd,
        floor=ZERO if below is None else ONE - below,
        ceiling=BOUNDLESS if above is None else ONE + above,
        hold=ONE if instrument.is_spot else (ONE / lane.leverage + HOLD_FEE_RATE) / CUT,
        margin=max((ONE / one.leverage / CUT for one in account.lanes if not one.instrument.is_spot), default=ZERO),
        distance=ZERO if instrument.is_spot else (limit.liquidation_distance_min or ZERO) / CUT,
        keep_rate=instrument.maintenance_margin_rate + account.taker,
        is_mixed=len({one.instrument.is_spot for one in account.lanes}) > 1,
        open_orders=int(BOUNDLESS) if limit.open_orders_max is None else limit.open_orders_max,
        burst=_burst(limit),
        symbol_burst=limit.orders_per_minute_per_symbol_max or int(BOUNDLESS),
        has_duplicates=limit.duplicate_window_ms is not None,
        repeats=int(BOUNDLESS) if limit.repeat_window_ms is None else limit.repeat_orders_max or int(BOUNDLESS),
        repeat_window_ms=limit.repeat_window_ms or 0,
        losses=int(BOUNDLESS) if limit.streak_losses_max is None else limit.streak_losses_max,
        losses_window_ms=limit.streak_window_ms or 0,
        stop_pause_ms=limit.after_stop_pause_ms or 0,
        fat_finger=limit.fat_finger_multiple or ZERO,
        blackouts=limit.blackouts or (),
    )
