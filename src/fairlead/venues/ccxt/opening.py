"""Puts a venue together from an account, a connection and what opens its keys."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.core.model.account import VenueAccount
from fairlead.ports import Clock
from fairlead.venues.ccxt.client import CcxtConnection, CcxtKeys, open_client
from fairlead.venues.ccxt.traits import traits_of
from fairlead.venues.ccxt.venue import CcxtVenue


def open_ccxt(
    account: VenueAccount,
    connection: CcxtConnection,
    keys: Callable[[], CcxtKeys],
    clock: Clock,
) -> CcxtVenue:
    """Open an account; ``run`` of the venue must be kept running, and ``close`` called at the end.

    Raises:
        LibraryMissingError: ccxt is not installed.
        UnknownExchangeError: it has no such exchange.
        UnsupportedExchangeError: it cannot do there what we need.
    """
    return CcxtVenue(account, open_client(connection, keys), traits_of(connection.exchange), clock)
