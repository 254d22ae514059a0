"""Reads columns of files exactly: times in any usual form, prices as whole numbers of one decimal place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from fairlead.core.model.money import AmountError, format_amount, parse_amount
from fairlead.market.candles.series import Floats, Ticks
from fairlead.market.candles.table import DIGITS_MAX

if TYPE_CHECKING:
    import polars as pl

_PLAIN: Final = r"^[0-9]{1,18}(\.[0-9]+)?$"
_WHOLE: Final = r"^[0-9]{1,19}(\.0+)?$"
_TIME_RULE: Final = "neither a number of seconds, ms, us or ns since 1970 nor ISO 8601 such as 2025-01-31T12:30:00Z"
_SECONDS_MAX: Final = 10**11
_MILLISECONDS_MAX: Final = 10**14
_MICROSECONDS_MAX: Final = 10**17
"""Beyond each the next finer unit is meant: as seconds the first would be the year 5138."""


class FileFaultError(ValueError):
    """A file is no file of candles; the text says where and why."""

    @classmethod
    def at(cls, row: int, field: str, value: object, rule: str) -> Self:
        """About one value; ``row`` 0 is the first one below the header."""
        return cls(f"row {row + 1}, {field} {value}: {rule}")


def read_times(column: pl.Series) -> Ticks:
    """UTC milliseconds.

    Raises:
        FileFaultError: a value is no time.
    """
    import polars as pl

    _refuse_empty(column, "time")
    if column.dtype.is_temporal():
        return column.dt.epoch("ms").to_numpy().astype(np.int64)
    text = column.cast(pl.String).str.strip_chars()
    if not text.str.contains(_WHOLE)[0]:
        return np.array([_read_iso(row, value) for row, value in enumerate(text.to_list())], dtype=np.int64)
    odd = (~text.str.contains(_WHOLE)).arg_true()
    if len(odd):
        raise FileFaultError.at(int(odd[0]), "time", repr(text[int(odd[0])]), _TIME_RULE)
    raw = text.str.extract(r"^([0-9]+)").cast(pl.Int64, strict=False)
    _refuse_empty(raw, "time")
    numbers = raw.to_numpy()
    units = [numbers < _SECONDS_MAX, numbers < _MILLISECONDS_MAX, numbers < _MICROSECONDS_MAX]
    # Only what was chosen counts, so that the product of a larger number may overflow unseen.
    return np.select(units, [numbers * 1_000, numbers, numbers // 1_000], numbers // 1_000_000)


def read_prices(columns: Mapping[str, pl.Series]) -> tuple[dict[str, Ticks], int]:
    """Whole numbers and how many decimals they have, the same for all columns.

    Raises:
        FileFaultError: a value is no plain number, below zero, or has too many digits.
    """
    texts = {name: _plain_texts(name, column) for name, column in columns.items()}
    decimals = max(_decimals(text) for text in texts.values())
    return {name: _scaled(name, text, decimals) for name, text in texts.items()}, decimals


def read_volumes(column: pl.Series) -> Floats:
    """Numbers; empty is zero.

    Raises:
        FileFaultError: a value is no number, or below zero.
    """
    import polars as pl

    text = column.cast(pl.String).str.strip_chars().fill_null("")
    numbers = text.replace("", "0").cast(pl.Float64, strict=False).fill_null(float("nan"))
    wrong = ~(numbers.is_finite() & (numbers >= 0.0))
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise FileFaultError.at(row, "volume", repr(text[row]), "a number that is not below zero is expected")
    return numbers.to_numpy()


def _read_iso(row: int, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FileFaultError.at(row, "time", repr(text), _TIME_RULE) from None
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)


def _plain_texts(field: str, column: pl.Series) -> pl.Series:
    import polars as pl

    text = column.cast(pl.String).str.strip_chars().fill_null("")
    odd = (~text.str.contains(_PLAIN)).arg_true().to_list()
    if not odd:
        return text
    # Such as 1e-05, which is what some programs write for small prices.
    values = text.to_list()
    for row in odd:
        values[row] = _read_odd(row, field, values[row])
    return pl.Series(field, values, dtype=pl.String)


def _read_odd(row: int, field: str, text: str) -> str:
    try:
        amount = parse_amount(text)
    except AmountError as error:
        raise FileFaultError.at(row, field, repr(text), str(error)) from None
    if amount < 0:
        raise FileFaultError.at(row, field, text, "prices are above zero")
    return format_amount(amount)


def _decimals(text: pl.Series) -> int:
    longest = text.str.extract(r"\.([0-9]*[1-9])0*$").fill_null("").str.len_bytes().max()
    assert isinstance(longest, int)
    return longest


def _scaled(field: str, text: pl.Series, decimals: int) -> Ticks:
    import polars as pl

    fraction = text.str.extract(r"\.([0-9]+)$").fill_null("").str.slice(0, decimals).str.pad_end(decimals, "0")
    numbers = (text.str.extract(r"^([0-9]+)") + fraction).cast(pl.Int64, strict=False)
    wrong = numbers.is_null() | (numbers >= 10**DIGITS_MAX).fill_null(value=True)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        rule = f"with the {decimals} decimals that this file needs it has over {DIGITS_MAX} digits"
        raise FileFaultError.at(row, field, text[row], rule)
    return numbers.to_numpy()


def _refuse_empty(column: pl.Series, field: str) -> None:
    if column.null_count():
        row = int(column.is_null().arg_true()[0])
        raise FileFaultError.at(row, field, "''", "a time is expected")
