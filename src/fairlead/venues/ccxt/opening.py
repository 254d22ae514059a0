"""Puts a venue together from an account, a connection and what opens its keys."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.core.model.account import VenueAccount
from fairlead.ports import Clock
from fairlead.venues.ccxt.client import CcxtConnection, CcxtKeys, PublicExchange, open_client
from fairlead.venues.ccxt.traits import traits_of
from fairlead.venues.ccxt.venue import CcxtVenue


def open_ccxt(
    account: VenueAccount,
    connection: CcxtConnection,
    keys: Callable[[], CcxtKeys],
    clock: Clock,
    public: PublicExchange | None = None,
) -> CcxtVenue:
    """Open an account; ``run`` of the venue must be kept running, and ``close`` called at the end.

    ``public`` is a client of the same exchange that has read its markets: they are not asked for again.

    Raises:
        LibraryMissingError: ccxt is not installed.
        UnknownExchangeError: it has no such exchange.
        UnsupportedExchangeError: it cannot do there what we need, or not at such an address.
    """
    client = open_client(connection, keys)
    if public is not None:
        client.set_markets_from_exchange(public)
    return CcxtVenue(account, client, traits_of(connection.exchange), clock)
