"""Opens the exchange on recorded prices: instruments that follow candles from now on, all others by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Candle
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.price_file import begin_at
from fairlead.simulator.rules import VenueRules


class UnlistedPricesError(ValueError):
    """Prices of an instrument that the exchange does not list."""


def open_on_prices(
    candles: Mapping[str, Sequence[Candle]],
    instruments: Sequence[Instrument],
    rules: VenueRules,
    *,
    seed: int,
    now_ms: int,
) -> Exchange:
    """Open it; the first candle of all opens now, and after an instrument's last one its price stays.

    Raises:
        UnlistedPricesError: an instrument with candles is not listed.
        ValueError: candles are no series.
    """
    unlisted = sorted(candles.keys() - {one.symbol for one in instruments})
    if unlisted:
        message = f"prices are given for {', '.join(unlisted)}, which is not listed"
        raise UnlistedPricesError(message)
    moved = begin_at(candles, now_ms)
    starts = rules.start_prices | {symbol: rows[0].open for symbol, rows in moved.items() if rows}
    rules = msgspec.structs.replace(rules, start_prices=starts)
    exchange = Exchange(instruments=instruments, seed=seed, now_ms=now_ms, rules=rules)
    for symbol, rows in moved.items():
        exchange.replay(symbol, rows)
    return exchange
