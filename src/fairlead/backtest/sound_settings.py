"""Refuses to replay what would make no bot: the checks that a bot must pass before it is created."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.preflight import check_instrument
from fairlead.core.rules.bots.setting_checks import check_settings
from fairlead.market.candles.series import CandleSeries


def require_sound(
    spec: BacktestSpec, market: Mapping[str, CandleSeries], instruments: Mapping[str, Instrument]
) -> None:
    """Look at the settings of every bot, at the first close of its candles.

    Raises:
        ValueError: one would be refused; the message names the field, its value and the rule.
    """
    for bot in spec.bots:
        series, instrument = market[bot.symbol], instruments[bot.symbol]
        price = series.price(int(series.close[0]))
        found = (*check_settings(bot.settings), *check_instrument(bot.settings, instrument, price))
        # That its venue takes no orders today says nothing of the past.
        wrong = [one for one in found if one.refuses and one.field != "symbol"]
        told = "; ".join(f"{one.field} = {one.value}: {one.rule}" for one in wrong)
        if told:
            message = f"{bot.name}: {told}"
            raise ValueError(message)
