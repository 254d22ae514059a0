"""ccxt itself: loaded when the first account needs it, and told to be exact, quiet and patient only once."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import localcontext
from typing import Any, Final, Protocol

import msgspec

from fairlead.core.model.secret import Secret

Row = dict[str, Any]
"""An order, trade, position or market as ccxt describes it; numbers are texts."""

REQUEST_TIMEOUT_MS: Final = 10_000
ADVICE: Final = "it needs the extra `exchange`: pip install 'fairlead[exchange]'"


class LibraryMissingError(Exception):
    """ccxt is not installed."""


class UnknownExchangeError(Exception):
    """ccxt has no exchange of this name."""


class UnsupportedExchangeError(Exception):
    """An order could not be followed to its end there."""


class CcxtKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What opens an account, by ccxt's names (``apiKey``, ``secret``, ``password``, ...)."""

    fields: dict[str, Secret]


class CcxtConnection(msgspec.Struct, frozen=True, kw_only=True):
    """Which exchange, where, and how: ``urls`` replaces addresses by ccxt's names (``rest``, ``ws``)."""

    exchange: str
    urls: dict[str, str] = {}
    is_sandbox: bool = False


class PublicExchange(Protocol):
    """What we use of ccxt without a key."""

    id: str
    has: Mapping[str, Any]
    markets: Mapping[str, Row]
    precisionMode: int  # noqa: N815  # ccxt's name

    async def load_markets(self, reload: bool = False) -> Mapping[str, Row]: ...  # noqa: FBT001, FBT002  # ccxt's
    async def fetch_ticker(self, symbol: str) -> Row: ...
    async def fetch_tickers(self, symbols: Sequence[str]) -> Mapping[str, Row]: ...
    async def fetch_order_book(self, symbol: str) -> Row: ...
    async def watch_ticker(self, symbol: str) -> Row: ...
    async def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> Sequence[Sequence[object]]: ...
    async def fetch_funding_rate_history(self, symbol: str, since: int, limit: int) -> Sequence[Row]: ...
    async def close(self) -> None: ...


class Exchange(PublicExchange, Protocol):
    """What we use of ccxt for an account."""

    async def create_order(self, symbol: str, *args: object) -> Row: ...
    async def create_market_buy_order_with_cost(self, symbol: str, cost: str, params: Row) -> Row: ...
    async def cancel_order(self, order_id: str, symbol: str, params: Row) -> Row: ...
    async def fetch_order(self, order_id: str, symbol: str, params: Row) -> Row: ...
    async def fetch_open_orders(self, symbol: str | None = None) -> Sequence[Row]: ...
    async def fetch_my_trades(
        self, symbol: str, since: int, limit: None = None, params: Row | None = None
    ) -> Sequence[Row]: ...
    async def fetch_order_trades(
        self, order_id: str, symbol: str, since: None, limit: None, params: Row
    ) -> Sequence[Row]: ...
    async def fetch_balance(self) -> Row: ...
    async def fetch_positions(self) -> Sequence[Row]: ...
    async def fetch_position_mode(self, symbol: str) -> Row: ...
    async def set_leverage(self, leverage: float, symbol: str, params: Row) -> Row: ...
    async def watch_orders(self) -> Sequence[Row]: ...
    def set_markets_from_exchange(self, source: PublicExchange) -> object: ...
    def check_required_credentials(self) -> object: ...
    def take_keys(self, keys: CcxtKeys) -> None: ...
    def amount_to_precision(self, symbol: str, amount: str) -> str: ...
    def price_to_precision(self, symbol: str, price: str) -> str: ...


def load_library() -> Any:  # noqa: ANN401  # ccxt has no types
    """Import ccxt, which takes a second and a half.

    Raises:
        LibraryMissingError: it is not installed.
    """
    try:
        import ccxt.pro  # noqa: PLC0415  # an extra, and slow to load
    except ImportError as error:
        raise LibraryMissingError(ADVICE) from error
    # Its debug lines hold headers with keys and signatures.
    logging.getLogger("ccxt").setLevel(logging.WARNING)
    return ccxt


NEEDED: Final = (
    "createOrder",
    "cancelOrder",
    "fetchOrder",
    "fetchOpenOrders",
    "fetchMyTrades",
    "fetchBalance",
    "fetchTicker",
)
"""Without one of these an order could not be sized, or not be followed to its end."""


def missing_in(has: Mapping[str, Any]) -> tuple[str, ...]:
    """What we need and ccxt cannot do at an exchange."""
    return tuple(name for name in NEEDED if not has.get(name))


def open_client(connection: CcxtConnection, keys: Callable[[], CcxtKeys]) -> Exchange:
    """Make a client of one account; nothing is sent yet.

    Raises:
        LibraryMissingError: ccxt is not installed.
        UnknownExchangeError: it has no such exchange.
        UnsupportedExchangeError: it cannot do there what we need, or not at such an address.
    """
    client = _make_client(connection)
    missing = missing_in(client.has)
    if missing:
        raise UnsupportedExchangeError(f"{connection.exchange} cannot be traded over ccxt: it has no {missing[0]}")
    exchange: Exchange = Apart(client)
    exchange.take_keys(keys())
    return exchange


def open_public(connection: CcxtConnection) -> PublicExchange:
    """Make a client that only reads what everybody may; nothing is sent yet.

    Raises:
        LibraryMissingError: ccxt is not installed.
        UnknownExchangeError: it has no such exchange.
        UnsupportedExchangeError: it cannot be reached at such an address.
    """
    public: PublicExchange = Apart(_make_client(connection))
    return public


def _make_client(connection: CcxtConnection) -> Any:  # noqa: ANN401  # ccxt has no types
    ccxt = load_library()
    if connection.exchange not in ccxt.exchanges:
        raise UnknownExchangeError(f"ccxt knows no exchange {connection.exchange!r}")
    # With a socket where the library has one for this exchange.
    kinds = ccxt.pro if connection.exchange in ccxt.pro.exchanges else ccxt.async_support
    client = getattr(kinds, connection.exchange)({"timeout": REQUEST_TIMEOUT_MS, "enableRateLimit": True})
    # Numbers stay the texts they came as.
    client.number = str
    client.options["maxRetriesOnFailure"] = 0
    # It would rather raise than ask for all symbols at once; we do that once in a while.
    client.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
    _point(client, connection)
    return client


def has_sandbox(client: Any) -> bool:  # noqa: ANN401  # ccxt has no types
    """Whether the exchange has a place for pretend money that ccxt knows."""
    return bool(client.urls.get("test"))


def _point(client: Any, connection: CcxtConnection) -> None:  # noqa: ANN401  # ccxt has no types
    """Say where the exchange is. What was to go elsewhere must never go to where the real money is."""
    if connection.is_sandbox:
        if not has_sandbox(client):
            raise UnsupportedExchangeError(f"{connection.exchange} has no demo that ccxt knows")
        client.set_sandbox_mode(True)
    if connection.urls:
        known = client.urls["api"]
        if not isinstance(known, dict) or not connection.urls.keys() <= known.keys():
            raise UnsupportedExchangeError(f"the addresses of {connection.exchange} cannot be replaced")
        client.urls["api"] = {**known, **connection.urls}


class Apart:
    """A client of ccxt whose arithmetic is kept apart from ours.

    When it rounds, ccxt sets the rounding of the Decimal context that it finds, for good: money that is added up
    afterwards would end in other digits. Each call has a context of its own; its tasks inherit that one.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401  # ccxt has no types
        """Stand before a client."""
        self._client = client

    def take_keys(self, keys: CcxtKeys) -> None:
        """Sign with these from now on. The library keeps them open for as long as it lives."""
        for name, secret in keys.fields.items():
            setattr(self._client, name, secret.reveal())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # ccxt has no types
        """Whatever the client has."""
        found = getattr(self._client, name)
        if inspect.iscoroutinefunction(found):

            async def ask(*args: object, **named: object) -> object:
                with localcontext():
                    return await found(*args, **named)

            return ask
        if inspect.isroutine(found):

            def call(*args: object, **named: object) -> object:
                with localcontext():
                    return found(*args, **named)

            return call
        return found
