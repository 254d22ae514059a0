"""An exchange's markets under our names: spot as BASE-QUOTE, perpetuals as BASE-QUOTE-SWAP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Final

from fairlead.core.model.instrument import Instrument, InstrumentKind, InstrumentState
from fairlead.core.model.money import AMOUNT_DECIMALS_MAX, ONE, ZERO, AmountError
from fairlead.venues.ccxt.client import PublicExchange, Row

NO_MAX: Final = Decimal(10) ** 15
_LAST_DECIMAL: Final = Decimal(1).scaleb(-AMOUNT_DECIMALS_MAX)
# How ccxt counts precision (its own numbers): decimals, or the step itself; digits that count cannot be a step.
_DECIMALS, _STEP = 2, 4


def read_amount(value: object) -> Decimal:
    """Read a number of ccxt, which is a text or missing; more than 18 decimals are cut off.

    Raises:
        AmountError: it is no finite number.
    """
    if value is None or value == "":
        return ZERO
    try:
        amount = Decimal(str(value))
    except ArithmeticError as error:
        raise AmountError(f"the exchange sent {value!r} for a number") from error
    if not amount.is_finite():
        raise AmountError(f"the exchange sent {value!r} for a number")
    exponent = amount.as_tuple().exponent
    is_long = isinstance(exponent, int) and exponent < -AMOUNT_DECIMALS_MAX
    return amount.quantize(_LAST_DECIMAL, ROUND_DOWN) if is_long else amount


class MarketNames:
    """Our symbol for each market of an exchange, and back; loaded from the exchange once."""

    def __init__(self, client: PublicExchange) -> None:
        """Know nothing before `load`."""
        self._client = client
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}

    async def load(self) -> None:
        """Ask the exchange for its markets, the first time."""
        if not self._theirs:
            self._name(await self._client.load_markets())

    async def reload(self) -> None:
        """Ask again: markets come and go, and their rules change."""
        self._name(await self._client.load_markets(True))  # noqa: FBT003  # ccxt's own order

    def _name(self, markets: Mapping[str, Row]) -> None:
        found: dict[str, str] = {}
        for theirs, market in markets.items():
            ours = symbol_of(market)
            if ours:
                found.setdefault(ours, theirs)
        self._theirs = found
        self._ours = {theirs: ours for ours, theirs in found.items()}

    def theirs(self, symbol: str) -> str | None:
        """The name that ccxt has for our symbol."""
        return self._theirs.get(symbol)

    def ours(self, symbol: str) -> str:
        """Our symbol for ccxt's name; its own name where we trade nothing of the kind."""
        return self._ours.get(symbol, symbol)

    def perpetual(self) -> str | None:
        """The name of some perpetual, for questions that need one."""
        return next((theirs for ours, theirs in self._theirs.items() if ours.endswith("-SWAP")), None)

    def instruments(self) -> Iterable[Instrument]:
        """All markets whose rules can be told exactly."""
        for ours, theirs in self._theirs.items():
            instrument = instrument_of(ours, self._client.markets[theirs], self._client.precisionMode)
            if instrument is not None:
                yield instrument


def symbol_of(market: Mapping[str, object]) -> str:
    """Our symbol of a market; empty for what we do not trade (dated futures, options, other settlements)."""
    base, quote, settle = market.get("base"), market.get("quote"), market.get("settle")
    if market.get("spot"):
        return f"{base}-{quote}"
    is_plain = market.get("swap") and settle in {base, quote}
    return f"{base}-{quote}-SWAP" if is_plain else ""


def instrument_of(symbol: str, market: Row, precision_mode: int) -> Instrument | None:
    """A market's rules; None where the exchange does not tell steps for price and size."""
    tick = _step(market["precision"].get("price"), precision_mode)
    lot = _step(market["precision"].get("amount"), precision_mode)
    if not tick or not lot:
        return None
    limits = {name: market["limits"].get(name) or {} for name in ("amount", "cost", "leverage")}
    quantity_max = read_amount(limits["amount"].get("max")) or NO_MAX
    kind = InstrumentKind.SPOT
    if not market.get("spot"):
        kind = InstrumentKind.INVERSE_PERPETUAL if market.get("inverse") else InstrumentKind.LINEAR_PERPETUAL
    return Instrument(
        symbol=symbol,
        kind=kind,
        base_currency=market["base"],
        quote_currency=market["quote"],
        settle_currency=market.get("settle") or market["quote"],
        tick_size=tick,
        lot_size=lot,
        quantity_min=read_amount(limits["amount"].get("min")) or lot,
        limit_quantity_max=quantity_max,
        market_quantity_max=quantity_max,
        notional_min=read_amount(limits["cost"].get("min")),
        contract_value=read_amount(market.get("contractSize")) or ONE,
        leverage_max=read_amount(limits["leverage"].get("max")) or ONE,
        state=InstrumentState.SUSPENDED if market.get("active") is False else InstrumentState.LIVE,
    )


def _step(precision: object, mode: int) -> Decimal | None:
    if precision is None or mode not in {_DECIMALS, _STEP}:
        return None
    value = read_amount(precision)
    return value if mode == _STEP else Decimal(1).scaleb(-int(value))
