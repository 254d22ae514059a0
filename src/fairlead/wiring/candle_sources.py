"""Opens what candles of the past are read from: OKX itself, or any exchange over ccxt; no key is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from fairlead.market.candles.fetch import HistorySource
from fairlead.ports import Clock
from fairlead.venues.ccxt.client import (
    CcxtConnection,
    LibraryMissingError,
    UnknownExchangeError,
    UnsupportedExchangeError,
    load_library,
    open_public,
)
from fairlead.venues.ccxt.history import CcxtHistory
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.history import OkxHistory
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.sites import LIVE_SITES, OkxSite
from fairlead.wiring.venue_kinds import OKX


class HistoryPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: an exchange, ``over_ccxt`` also where we speak to it ourselves, and elsewhere than usual."""

    exchange: str = OKX
    over_ccxt: bool = False
    rest_url: str = ""


class NoHistoryError(ValueError):
    """Nobody of this name can be asked; the text says what is missing."""


@asynccontextmanager
async def open_history(place: HistoryPlace, clock: Clock) -> AsyncIterator[HistorySource]:
    """Open it, and close it at the end.

    Raises:
        NoHistoryError: ccxt is not installed, or knows no such exchange or no way to such an address.
    """
    if place.exchange == OKX and not place.over_ccxt:
        site = LIVE_SITES["global"]
        if place.rest_url:
            site = OkxSite(rest_url=place.rest_url, socket_url="")
        connection = OkxConnection(site, clock)
        await connection.open()
        try:
            yield OkxHistory(OkxRest(connection, RateGovernor(clock), clock))
        finally:
            await connection.close()
        return
    try:
        await asyncio.to_thread(load_library)
        urls = {"rest": place.rest_url} if place.rest_url else {}
        client = open_public(CcxtConnection(exchange=place.exchange, urls=urls))
    except (LibraryMissingError, UnknownExchangeError, UnsupportedExchangeError) as error:
        raise NoHistoryError(str(error)) from error
    try:
        yield CcxtHistory(client)
    finally:
        await client.close()
