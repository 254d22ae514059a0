"""What will and will not work at an exchange over ccxt, told before anybody adds a key. Asks nobody: it reads ccxt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from fairlead.venues.ccxt.client import (
    UnknownExchangeError,
    UnsupportedExchangeError,
    has_sandbox,
    load_library,
    missing_in,
)
from fairlead.venues.ccxt.key_fields import key_fields
from fairlead.venues.ccxt.traits import Traits, traits_of


class Support(StrEnum):
    """How far an exchange can be relied on, best first."""

    TESTED = "tested"
    ASKABLE = "askable"
    LIMITED = "limited"
    UNSUPPORTED = "unsupported"


MEANING: Final[Mapping[Support, str]] = {
    Support.TESTED: "our own tests hold it to the same contract as every other venue",
    Support.ASKABLE: "a doubtful order is found by our own id; not tested against this exchange",
    Support.LIMITED: "a doubtful order must be looked up by a person; not tested against this exchange",
    Support.UNSUPPORTED: "orders cannot be followed to their end, so none are sent",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a trader may count on, or not."""

    topic: str
    works: bool
    text: str


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. ``keys`` are the fields of a key that it asks for, ``missing`` what ccxt cannot do there.

    ``own_venue``: we have one that speaks to this exchange without ccxt. ``demo``: it has a place for pretend money.
    ``keepable``: keys of its form are kept here, in the order of ``keys``; else no account can be added.
    """

    exchange: str
    name: str
    support: Support
    own_venue: bool
    spot: bool
    perpetuals: bool
    sockets: bool
    demo: bool
    keepable: bool
    keys: tuple[str, ...]
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]


def survey_all() -> list[Survey]:
    """Every exchange that ccxt knows, best support first.

    Raises:
        LibraryMissingError: ccxt is not installed.
    """
    ccxt = load_library()
    order = list(Support)
    found = [survey(exchange) for exchange in ccxt.exchanges]
    return sorted(found, key=lambda one: (order.index(one.support), one.exchange))


def survey(exchange: str) -> Survey:
    """One exchange by the name that ccxt has for it.

    Raises:
        LibraryMissingError: ccxt is not installed.
        UnknownExchangeError: ccxt has no such exchange.
    """
    ccxt = load_library()
    if exchange not in ccxt.exchanges:
        raise UnknownExchangeError(f"ccxt knows no exchange {exchange!r}")
    client = getattr(ccxt, exchange)()
    has = client.has
    traits = traits_of(exchange)
    missing = missing_in(has)
    keys, keepable = _keys_of(exchange, client)
    demo = has_sandbox(client)
    sockets = exchange in ccxt.pro.exchanges and bool(getattr(ccxt.pro, exchange)().has.get("watchOrders"))
    return Survey(
        exchange=exchange,
        name=str(client.name),
        support=_support(traits, missing),
        own_venue=traits.own_venue,
        spot=bool(has.get("spot")),
        perpetuals=bool(has.get("swap") and has.get("fetchPositions")),
        sockets=sockets,
        demo=demo,
        keepable=keepable,
        keys=keys,
        missing=missing,
        findings=() if missing else (*_findings(has, traits, sockets=sockets), *_setup(keepable=keepable, demo=demo)),
    )


def _keys_of(exchange: str, client: Any) -> tuple[tuple[str, ...], bool]:  # noqa: ANN401  # ccxt has no types
    required = client.requiredCredentials
    try:
        return tuple(key_fields(exchange, required)), True
    except UnsupportedExchangeError:
        return tuple(name for name, is_needed in required.items() if is_needed), False


def _support(traits: Traits, missing: tuple[str, ...]) -> Support:
    if missing:
        return Support.UNSUPPORTED
    if traits.contract_tested:
        return Support.TESTED
    return Support.ASKABLE if traits.client_order_ids else Support.LIMITED


def _findings(has: Mapping[str, Any], traits: Traits, *, sockets: bool) -> Iterator[Finding]:
    yield Finding(topic="orders", works=True, text="market and limit orders, IOC, FOK and post-only where it has them")
    yield from _doubts(traits)
    told = "a socket tells at once that something happened" if sockets else "it is asked each second"
    yield Finding(topic="fills", works=True, text=f"fills and ends of orders are reported: {told}")
    yield _choice(
        "quote amounts",
        works=bool(has.get("createMarketBuyOrderWithCost")),
        yes="a spot buy may name the amount to spend",
        no="a spot buy that names the amount to spend is refused",
    )
    yield _choice(
        "leverage",
        works=bool(has.get("setLeverage")),
        yes="leverage is set before an order",
        no="leverage cannot be set from here; set it at the exchange",
    )
    yield _choice(
        "long and short",
        works=bool(has.get("setPositionMode")),
        yes="both sides of one perpetual may be held at once",
        no="one position for each perpetual",
    )
    stops = "an order that brings a stop or a take-profit along, or waits for a trigger, is refused and not sent bare"
    yield Finding(topic="stops", works=False, text=stops)
    yield _choice(
        "cash",
        works=traits.cash is not None,
        yes="cash is told apart from profit that is not realized",
        no="balances are ccxt's totals, which may have unrealized profit in them: differences can be reported",
    )


def _setup(*, keepable: bool, demo: bool) -> Iterator[Finding]:
    yield _choice(
        "keys",
        works=keepable,
        yes="its keys can be kept here",
        no="its keys have a form that is not kept here, so no account can be added",
    )
    yield _choice(
        "demo",
        works=demo,
        yes="it has a demo for pretend money",
        no="it has no demo that ccxt knows: an account is added as live only",
    )


def _doubts(traits: Traits) -> Iterator[Finding]:
    yield _choice(
        "lost answers",
        works=traits.client_order_ids,
        yes="an order whose answer was lost is found by our own id",
        no="an order whose answer was lost stays in doubt until you look it up there; nothing is sent twice",
    )
    yield _choice(
        "proof",
        works=traits.deadlines or traits.client_ids_lasting,
        yes="that a lost order never arrived can be proven after its deadline",
        no="that a lost order never arrived cannot be proven: it stays in doubt and is never sent again",
    )


def _choice(topic: str, *, works: bool, yes: str, no: str) -> Finding:
    return Finding(topic=topic, works=works, text=yes if works else no)
