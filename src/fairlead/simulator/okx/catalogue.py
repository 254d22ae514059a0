"""What is listed, under the names and numbers of OKX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.simulator.okx.codes import OkxError, refusal
from fairlead.simulator.refusals import Code, refuse

if TYPE_CHECKING:
    from fairlead.simulator.exchange import Exchange
    from fairlead.simulator.okx.fields import Fields

INSTRUMENT_TYPES: Final = frozenset({"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS"})
FIRST_CODE: Final = 10_001


class Catalogue:
    """Finds instruments by id (``BTC-USDT-SWAP``) or by their number (``instIdCode``)."""

    def __init__(self, exchange: Exchange) -> None:
        """List what the exchange lists; numbers follow its order."""
        self._exchange = exchange
        self._codes = {symbol: FIRST_CODE + index for index, symbol in enumerate(exchange.instruments)}
        self._symbols = {str(code): symbol for symbol, code in self._codes.items()}

    def all(self) -> list[Instrument]:
        """Everything, as it is now."""
        return list(self._exchange.instruments.values())

    def code_of(self, symbol: str) -> int:
        """The number of an instrument."""
        return self._codes[symbol]

    def symbol_of(self, code: str) -> str:
        """The instrument of a number, or nothing."""
        return self._symbols.get(code, "")

    def find(self, symbol: str) -> Instrument | None:
        """Look an instrument up by id."""
        return self._exchange.listing.find(symbol)

    def wanted(self, fields: Fields, *, is_strict: bool = False) -> Instrument:
        """The instrument that a request names, by ``instIdCode`` or, unless strict, by ``instId``.

        Raises:
            OkxError: 51001, there is no such instrument; 50014, none is named.
        """
        code = fields.required("instIdCode") if is_strict else fields.text("instIdCode")
        instrument = self.find(self.symbol_of(code) if code else fields.required("instId"))
        if instrument is None:
            raise unknown_instrument()
        return instrument


def unknown_instrument() -> OkxError:
    """Refuse a name that nothing has."""
    return refusal(refuse(Code.INSTRUMENT_UNKNOWN))


def type_of(instrument: Instrument) -> str:
    """Return ``instType``."""
    return "SPOT" if instrument.is_spot else "SWAP"


def family_of(instrument: Instrument) -> str:
    """Return ``instFamily`` (and ``uly``): empty for spot."""
    return "" if instrument.is_spot else f"{instrument.base_currency}-{instrument.quote_currency}"


def index_of(instrument: Instrument) -> str:
    """Return the index that an instrument follows, such as ``BTC-USDT``."""
    return f"{instrument.base_currency}-{instrument.quote_currency}"


def contract_currency(instrument: Instrument) -> str:
    """Return ``ctValCcy``: what a contract counts."""
    if instrument.is_spot:
        return ""
    is_inverse = instrument.kind is InstrumentKind.INVERSE_PERPETUAL
    return instrument.quote_currency if is_inverse else instrument.base_currency
