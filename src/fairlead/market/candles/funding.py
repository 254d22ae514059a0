"""Funding rates of the past: one file for each perpetual, rates as exact text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from fairlead.core.model.history import FundingRate
from fairlead.core.model.money import format_amount, parse_amount
from fairlead.market.candles.fetch import HistorySource, SpanReader, Tell
from fairlead.market.candles.file_swap import replace_file
from fairlead.market.candles.manifest import CandleFileError, only_writer, read_manifest, write_manifest
from fairlead.market.candles.series import Ticks
from fairlead.market.candles.spans import Span, join_spans, missing_spans
from fairlead.ports import Clock

FOLDER_NAME: Final = "funding"
FILE_NAME: Final = "rates.parquet"


async def fetch_funding(
    source: HistorySource, folder: Path, symbol: str, wanted: Span, clock: Clock, tell: Tell
) -> int:
    """Fetch the rates that are not there of ``wanted`` into the folder of an exchange; how many there are afterwards.

    Canceled, it keeps what it has.

    Raises:
        FetchStoppedError: the venue does not tell.
        SeriesBusyError: another process adds to them.
        OSError: the disk refused.
    """
    home = folder / symbol / FOLDER_NAME
    begin_ms, now_ms = wanted[0], clock.now_ms()
    end_ms = min(wanted[1] or now_ms, now_ms)
    found: list[FundingRate] = []
    done: list[Span] = []

    def keep(span: Span, rows: Sequence[FundingRate]) -> None:
        found.extend(rows)
        done.append(span)
        tell(sum(end - begin for begin, end in done), end_ms - begin_ms)

    reader = SpanReader(
        source.name,
        lambda first_ms, after_ms: source.read_funding(symbol, first_ms, after_ms),
        clock,
        page_ms=source.funding_page_ms,
    )
    with only_writer(home, f"funding rates of {symbol}"):
        known = read_manifest(home)
        try:
            await reader.read(missing_spans((begin_ms, end_ms), known.fetched), keep)
        finally:
            count = _add(home / FILE_NAME, found)
            spans = join_spans([*known.fetched, *done])
            write_manifest(home, known, msgspec.structs.replace(known, source=source.name, fetched=spans))
    return count


def load_funding(folder: Path, symbol: str, begin_ms: int = 0, end_ms: int = 0) -> tuple[Ticks, tuple[Decimal, ...]]:
    """Times in UTC milliseconds and rates of the settlements in [``begin_ms``, ``end_ms``) that are kept, in order.

    Empty where none are; ``end_ms`` 0: to the end. Rates are fractions of a position's value; longs pay positive ones.

    Raises:
        CandleFileError: the file is damaged.
    """
    times, rates = _read(folder / symbol / FOLDER_NAME / FILE_NAME)
    chosen = (times >= begin_ms) & (times < (end_ms or np.iinfo(np.int64).max))
    return times[chosen], tuple(parse_amount(rates[place]) for place in np.flatnonzero(chosen))


def _read(path: Path) -> tuple[Ticks, list[str]]:
    import polars as pl

    if not path.exists():
        return np.empty(0, dtype=np.int64), []
    try:
        frame = pl.read_parquet(path, columns=["at_ms", "rate"], hive_partitioning=False)
    except pl.exceptions.PolarsError as error:
        raise CandleFileError(f"{path} is no file of funding rates: {error}") from None
    return frame["at_ms"].to_numpy(), frame["rate"].to_list()


def _add(path: Path, rates: Sequence[FundingRate]) -> int:
    import polars as pl

    times, texts = _read(path)
    merged = dict(zip(times.tolist(), texts, strict=True))
    count = len(merged)
    merged |= {rate.at_ms: format_amount(rate.rate) for rate in rates}
    if len(merged) > count or any(merged[at_ms] != text for at_ms, text in zip(times.tolist(), texts, strict=True)):
        frame = pl.DataFrame(
            {"at_ms": sorted(merged), "rate": [merged[at_ms] for at_ms in sorted(merged)]},
            schema={"at_ms": pl.Int64, "rate": pl.String},
        )
        replace_file(path, frame.write_parquet)
    return len(merged)
