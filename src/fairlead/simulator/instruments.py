"""What the simulated exchange lists unless told otherwise, and where prices start."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fairlead.core.model.instrument import Instrument, InstrumentKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPOT_MAX: Final = Decimal(1_000_000_000)


def _spot(base: str, tick: str, lot: str, quantity_min: str, market_max: str) -> Instrument:
    return Instrument(
        symbol=f"{base}-USDT",
        kind=InstrumentKind.SPOT,
        base_currency=base,
        quote_currency="USDT",
        settle_currency="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        quantity_min=Decimal(quantity_min),
        limit_quantity_max=_SPOT_MAX * 1000,
        market_quantity_max=Decimal(market_max),
    )


def _linear(base: str, tick: str, contract_value: str, market_max: str, leverage_max: str) -> Instrument:
    return Instrument(
        symbol=f"{base}-USDT-SWAP",
        kind=InstrumentKind.LINEAR_PERPETUAL,
        base_currency=base,
        quote_currency="USDT",
        settle_currency="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal("0.01"),
        quantity_min=Decimal("0.01"),
        limit_quantity_max=Decimal(100_000_000),
        market_quantity_max=Decimal(market_max),
        contract_value=Decimal(contract_value),
        leverage_max=Decimal(leverage_max),
        maintenance_margin_rate=Decimal("0.004"),
    )


def _inverse(base: str, tick: str, contract_value: str, market_max: str) -> Instrument:
    return Instrument(
        symbol=f"{base}-USD-SWAP",
        kind=InstrumentKind.INVERSE_PERPETUAL,
        base_currency=base,
        quote_currency="USD",
        settle_currency=base,
        tick_size=Decimal(tick),
        lot_size=Decimal(1),
        quantity_min=Decimal(1),
        limit_quantity_max=Decimal(1_000_000),
        market_quantity_max=Decimal(market_max),
        contract_value=Decimal(contract_value),
        leverage_max=Decimal(100),
        maintenance_margin_rate=Decimal("0.004"),
    )


DEFAULT_INSTRUMENTS: Final[tuple[Instrument, ...]] = (
    _spot("BTC", "0.1", "0.00000001", "0.00001", "1000"),
    _spot("ETH", "0.01", "0.000001", "0.0001", "10000"),
    _spot("SOL", "0.01", "0.000001", "0.001", "100000"),
    _spot("XRP", "0.0001", "0.000001", "1", "10000000"),
    _spot("PEPE", "0.000000001", "1", "100000", "1000000000000"),
    _spot("OP", "0.0001", "0.0001", "1", "1000000"),
    _spot("APT", "0.001", "0.0001", "0.1", "1000000"),
    _spot("TRUMP", "0.001", "0.0001", "0.1", "1000000"),
    _linear("BTC", "0.1", "0.01", "12000", "100"),
    _linear("ETH", "0.01", "0.1", "20000", "100"),
    _linear("SOL", "0.01", "1", "30000", "100"),
    _linear("XRP", "0.0001", "100", "30000", "75"),
    _inverse("BTC", "0.1", "100", "20000"),
    _inverse("ETH", "0.01", "10", "50000"),
)

DEFAULT_START_PRICES: Final[Mapping[str, Decimal]] = {
    "BTC-USDT": Decimal(60000),
    "ETH-USDT": Decimal(3000),
    "SOL-USDT": Decimal(150),
    "XRP-USDT": Decimal("2.2"),
    "PEPE-USDT": Decimal("0.00001"),
    "OP-USDT": Decimal("0.7"),
    "APT-USDT": Decimal(5),
    "TRUMP-USDT": Decimal(8),
    "BTC-USDT-SWAP": Decimal(60000),
    "ETH-USDT-SWAP": Decimal(3000),
    "SOL-USDT-SWAP": Decimal(150),
    "XRP-USDT-SWAP": Decimal("2.2"),
    "BTC-USD-SWAP": Decimal(60000),
    "ETH-USD-SWAP": Decimal(3000),
}
