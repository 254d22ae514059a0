"""What may go wrong when a server starts, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fairlead.cli.failures import database_failures_explained
from fairlead.cli.output import StopError

if TYPE_CHECKING:
    from fairlead.settings import Settings


@contextmanager
def start_failures_explained(settings: Settings) -> Iterator[None]:
    """Turn the failures of a start into what to do about them.

    Raises:
        StopError: the journal or the database is damaged, an account is of an unknown kind, or the log file, the
            traces, the certificate or the address cannot be used.
    """
    from fairlead.accounts.registry import UnknownKindError
    from fairlead.observing.logs import LogFileError
    from fairlead.observing.tracing import TracingMissingError
    from fairlead.simulator.price_file import PriceFileError
    from fairlead.simulator.recorded import UnlistedPricesError
    from fairlead.store.rows import DamagedJournalError
    from fairlead.web.tls import TlsFilesError

    with database_failures_explained(settings):
        try:
            yield
        except (LogFileError, TlsFilesError, TracingMissingError, UnknownKindError) as error:
            raise StopError(str(error)) from error
        except (PriceFileError, UnlistedPricesError) as error:
            raise StopError(f"market_prices: {error}") from error
        except DamagedJournalError as error:
            raise StopError(f"{error}; keep a copy of {settings.data_dir}, then run fairlead verify") from error
        except OSError as error:
            raise StopError(f"cannot listen on {settings.host}:{settings.port}: {error}; try --port 0") from error
