"""Reads what is to be listed from an answer of OKX's ``public/instruments``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from fairlead.core.model.instrument import Instrument, InstrumentKind, InstrumentState
from fairlead.core.model.money import ONE, ZERO, parse_amount

FILE_BYTES_MAX: Final = 64 * 1_048_576

MAINTENANCE_MARGIN_RATE: Final = Decimal("0.004")
"""That of the lowest tier, which an answer about instruments does not tell."""

_DECODER: Final = msgspec.json.Decoder(Any)


class InstrumentFileError(ValueError):
    """A file that lists no instruments; the text says where and why."""


def read_instruments(file: Path) -> list[Instrument]:
    """Read spot pairs and perpetuals, in the order of the file; other kinds are left out.

    Raises:
        InstrumentFileError: it is no such answer, or lists nothing that can be traded here.
        OSError: it cannot be read.
    """
    if file.stat().st_size > FILE_BYTES_MAX:
        message = f"{file} has more than {FILE_BYTES_MAX} bytes"
        raise InstrumentFileError(message)
    try:
        content = _DECODER.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{file}: {error}"
        raise InstrumentFileError(message) from None
    rows = content.get("data") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        message = f"{file}: expected an answer of public/instruments, or its rows"
        raise InstrumentFileError(message)
    listed = {row["instId"]: _read_row(file, row) for row in rows if row.get("instType") in {"SPOT", "SWAP"}}
    if not listed:
        message = f"{file} lists neither spot pairs nor perpetuals"
        raise InstrumentFileError(message)
    return list(listed.values())


def starting_prices(instruments: Sequence[Instrument], known: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Where prices start that nobody named: where another instrument of the same coin starts."""
    by_coin = {symbol.split("-")[0]: price for symbol, price in reversed(list(known.items()))}
    return {
        one.symbol: by_coin[one.base_currency]
        for one in instruments
        if one.symbol not in known and one.base_currency in by_coin
    }


def _read_row(file: Path, row: Mapping[str, Any]) -> Instrument:
    symbol = str(row["instId"])
    try:
        return _spot(row) if row["instType"] == "SPOT" else _perpetual(row)
    except (KeyError, ValueError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        message = f"{file}: {symbol}: {what}"
        raise InstrumentFileError(message) from None


def _spot(row: Mapping[str, Any]) -> Instrument:
    quote = _text(row, "quoteCcy")
    return Instrument(
        kind=InstrumentKind.SPOT,
        base_currency=_text(row, "baseCcy"),
        quote_currency=quote,
        settle_currency=quote,
        **_rules(row),
    )


def _perpetual(row: Mapping[str, Any]) -> Instrument:
    base, _, quote = (str(row.get("uly") or "") or _text(row, "instFamily")).partition("-")
    is_inverse = _text(row, "ctType") == "inverse"
    multiplier = _amount(row, "ctMult") if row.get("ctMult") else ONE
    return Instrument(
        kind=InstrumentKind.INVERSE_PERPETUAL if is_inverse else InstrumentKind.LINEAR_PERPETUAL,
        base_currency=base,
        quote_currency=quote,
        settle_currency=_text(row, "settleCcy"),
        contract_value=_amount(row, "ctVal") * multiplier,
        leverage_max=_amount(row, "lever"),
        maintenance_margin_rate=MAINTENANCE_MARGIN_RATE,
        **_rules(row),
    )


def _rules(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "symbol": _text(row, "instId"),
        "tick_size": _amount(row, "tickSz"),
        "lot_size": _amount(row, "lotSz"),
        "quantity_min": _amount(row, "minSz"),
        "limit_quantity_max": _amount(row, "maxLmtSz"),
        "market_quantity_max": _amount(row, "maxMktSz"),
        "state": InstrumentState.LIVE if row.get("state", "live") == "live" else InstrumentState.SUSPENDED,
    }


def _text(row: Mapping[str, Any], name: str) -> str:
    text = str(row[name])
    if not text:
        message = f"{name} is empty"
        raise ValueError(message)
    return text


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    try:
        amount = parse_amount(_text(row, name))
    except ValueError as error:
        message = f"{name}: {error}"
        raise ValueError(message) from None
    if amount <= ZERO:
        message = f"{name} must be above zero"
        raise ValueError(message)
    return amount
