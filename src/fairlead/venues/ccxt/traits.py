"""What decides about safety at an exchange and cannot be asked of ccxt: read from `traits.toml`."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from fairlead.ports import VenueCapabilities

_FILE: Final = "traits.toml"


class CashPath(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where cash stands in a raw balance: the way to the rows, and two fields of each."""

    rows: tuple[str, ...]
    currency: str
    amount: str


class TradesCursor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an exchange is asked for the trades before a page."""

    parameter: str
    field: str


class Traits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exchange; every default is the safe answer. The fields are explained at the top of `traits.toml`."""

    client_order_ids: bool = False
    client_ids_lasting: bool = False
    deadlines: bool = False
    contract_tested: bool = False
    own_venue: bool = False
    code_fields: tuple[str, ...] = ()
    unknown_codes: frozenset[str] = frozenset()
    taken_codes: frozenset[str] = frozenset()
    retry_codes: dict[str, int] = {}
    cash: CashPath | None = None
    trades_cursor: TradesCursor | None = None


def traits_of(exchange: str) -> Traits:
    """The traits of an exchange by ccxt's name; one that nobody described gets the safe answers."""
    return _read().get(exchange, Traits())


def capabilities_of(traits: Traits, *, long_short_mode: bool) -> VenueCapabilities:
    """What a venue over ccxt promises: never that a stop is attached, because not every exchange has it."""
    return VenueCapabilities(
        deadlines=traits.deadlines,
        client_ids_lasting=traits.client_ids_lasting,
        long_short_mode=long_short_mode,
        attached_protection=False,
    )


@lru_cache(maxsize=1)
def _read() -> dict[str, Traits]:
    text = files(__package__).joinpath(_FILE).read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Traits])
