"""What the commands about candles share: where they are kept, and how trouble with them is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairlead.cli.config import load_settings
from fairlead.cli.extras import backtest_extra
from fairlead.cli.options import Options
from fairlead.cli.output import EXIT_USAGE, StopError

if TYPE_CHECKING:
    from fairlead.market.candles.archive import CandleArchive, SeriesName

FOLDER_NAME: Final = "candles"
SAMPLE: Final = "sample"


def candles_folder(options: Options) -> Path:
    """Where the candles of a data folder are."""
    return load_settings(options).data_dir / FOLDER_NAME


@contextmanager
def opened_archive(options: Options, *, writes: bool = False) -> Iterator[CandleArchive]:
    """The candles of a data folder, made where it is not there and something is to be written.

    Raises:
        StopError: what is missing, damaged or busy, in a sentence.
    """
    with backtest_extra():
        from fairlead.market.candles.archive import CandleArchive, NoCandlesError
        from fairlead.market.candles.manifest import CandleFileError, SeriesBusyError
        from fairlead.market.candles.table import PriceDigitsError
        from fairlead.store.private_files import make_private_folder

        folder = candles_folder(options)
        try:
            if writes:
                make_private_folder(folder.parent)
            yield CandleArchive(folder)
        except (NoCandlesError, CandleFileError, SeriesBusyError, PriceDigitsError) as error:
            raise StopError(str(error)) from None
        except OSError as error:
            raise StopError(f"cannot use {error.filename or folder}: {error.strerror or error}") from None


def require_timeframe(timeframe: str) -> str:
    """Pass on a timeframe.

    Raises:
        StopError: there is none of this name.
    """
    from fairlead.core.model.conditions import TIMEFRAMES_MS

    if timeframe not in TIMEFRAMES_MS:
        raise StopError(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAMES_MS)}", EXIT_USAGE)
    return timeframe


def series_name(exchange: str, symbol: str, timeframe: str) -> SeriesName:
    """Name a series.

    Raises:
        StopError: it cannot have such a name.
    """
    from fairlead.market.candles.archive import SeriesName

    try:
        return SeriesName(exchange, symbol, timeframe)
    except ValueError as error:
        raise StopError(str(error), EXIT_USAGE) from None
