"""The symbol master: every accepted spelling of an instrument's name, each meaning exactly one instrument."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument, InstrumentKind

SUGGESTIONS_MAX: Final = 3
SUGGESTIONS_KEPT_MAX: Final = 1_000
SYMBOL_LENGTH_MAX: Final = 64
LIKENESS_MIN: Final = 0.6


class ProductType(StrEnum):
    """The three words that alerts use for the kind of an instrument (docs/alerts.md ``type``)."""

    SPOT = "spot"
    PERPS = "perps"
    INVPERPS = "invperps"


KIND_OF_TYPE: Final[Mapping[ProductType, InstrumentKind]] = {
    ProductType.SPOT: InstrumentKind.SPOT,
    ProductType.PERPS: InstrumentKind.LINEAR_PERPETUAL,
    ProductType.INVPERPS: InstrumentKind.INVERSE_PERPETUAL,
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The one instrument that a text names."""

    instrument: Instrument


class NotFound(msgspec.Struct, frozen=True, kw_only=True):
    """The text names no instrument, several, or one of another kind; ``suggestions`` are symbols to choose from."""

    reason: str
    suggestions: tuple[str, ...]


class SymbolMaster:
    """A table from exact spelling to instrument, made from the instrument list; nothing is ever cut or guessed."""

    def __init__(self, instruments: Iterable[Instrument], *, exchange: str = "okx") -> None:
        """Write down every spelling of every instrument of one exchange."""
        self._by_symbol: dict[str, Instrument] = {}
        self._spelled: dict[str, list[Instrument]] = {}
        self._suggested: dict[tuple[str, InstrumentKind | None], tuple[str, ...]] = {}
        for instrument in instruments:
            self._by_symbol[instrument.symbol] = instrument
            for spelling in spell(instrument, exchange=exchange):
                meanings = self._spelled.setdefault(_fold(spelling), [])
                if instrument not in meanings:
                    meanings.append(instrument)

    def __len__(self) -> int:
        """How many instruments it knows."""
        return len(self._by_symbol)

    def get(self, symbol: str) -> Instrument | None:
        """Look up the venue's own symbol, exactly as the venue writes it."""
        return self._by_symbol.get(symbol)

    def find(self, text: str, kind_hint: ProductType | None = None) -> Found | NotFound:
        """Read a symbol as a person or a chart wrote it; with a hint, only an instrument of that kind will do."""
        if len(text) > SYMBOL_LENGTH_MAX:
            return NotFound(reason=f"a symbol has at most {SYMBOL_LENGTH_MAX} characters", suggestions=())
        kind = KIND_OF_TYPE[kind_hint] if kind_hint is not None else None
        meanings = self._spelled.get(_fold(text), [])
        fitting = [instrument for instrument in meanings if kind is None or instrument.kind is kind]
        if len(fitting) == 1:
            return Found(instrument=fitting[0])
        if fitting:
            return NotFound(reason="the symbol means more than one instrument", suggestions=_name(fitting))
        if meanings:
            return NotFound(
                reason=f"the symbol is {_name(meanings)[0]}, which is not of type {kind_hint}",
                suggestions=self._suggest_siblings(meanings, kind) or _name(meanings),
            )
        return NotFound(reason="unknown symbol", suggestions=self._suggest_close(text, kind))

    def _suggest_siblings(self, meanings: list[Instrument], kind: InstrumentKind | None) -> tuple[str, ...]:
        """Of the wanted kind, on the same base currency."""
        bases = {instrument.base_currency for instrument in meanings}
        return _name(
            instrument
            for instrument in self._by_symbol.values()
            if instrument.kind is kind and instrument.base_currency in bases
        )

    def _suggest_close(self, text: str, kind: InstrumentKind | None) -> tuple[str, ...]:
        # Likeness to thousands of spellings takes milliseconds, and a sender repeats the same mistake for days.
        asked = (text, kind)
        if asked not in self._suggested:
            if len(self._suggested) >= SUGGESTIONS_KEPT_MAX:
                self._suggested.clear()
            self._suggested[asked] = self._find_close(text, kind)
        return self._suggested[asked]

    def _find_close(self, text: str, kind: InstrumentKind | None) -> tuple[str, ...]:
        close = difflib.get_close_matches(_fold(text), self._spelled, n=SUGGESTIONS_MAX * 3, cutoff=LIKENESS_MIN)
        candidates = [instrument for spelling in close for instrument in self._spelled[spelling]]
        fitting = [instrument for instrument in candidates if kind is None or instrument.kind is kind]
        return _name(fitting or candidates)


def spell(instrument: Instrument, *, exchange: str = "okx") -> Iterator[str]:
    """Every accepted spelling: the venue's id, TradingView's ticker, ccxt's name, OpenAlgo's name."""
    base, quote, settle = instrument.base_currency, instrument.quote_currency, instrument.settle_currency
    yield instrument.symbol
    if instrument.is_spot:
        yield f"{base}{quote}"
        yield f"{exchange}:{base}{quote}"
        yield f"{base}/{quote}"
    else:
        yield f"{base}{quote}.P"
        yield f"{exchange}:{base}{quote}.P"
        yield f"{base}/{quote}:{settle}"
        yield f"{base}{quote}FUT"


def _fold(text: str) -> str:
    # Only ASCII has a plain upper case: that of a long s is S, and a symbol that merely looks like another is not it.
    return text.upper() if text.isascii() else text


def _name(instruments: Iterable[Instrument]) -> tuple[str, ...]:
    """Symbols without repeats, in order, at most as many as fit a message."""
    return tuple(dict.fromkeys(instrument.symbol for instrument in instruments))[:SUGGESTIONS_MAX]
