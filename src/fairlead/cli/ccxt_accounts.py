"""What is asked of ccxt before an account over it is added, or given its key; nobody else is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fairlead.cli.output import EXIT_USAGE, StopError, tell

if TYPE_CHECKING:
    from fairlead.wiring.surveying import Survey

CCXT: Final = "ccxt"


def check_exchange(exchange: str, *, is_demo: bool) -> None:
    """Stop before an account is added that could never be opened; say how far its exchange can be relied on.

    Raises:
        StopError: there is no such exchange, or it cannot be traded, or not with pretend money.
    """
    from fairlead.wiring.surveying import MEANING, Support

    if not exchange:
        raise StopError("say which exchange with --exchange NAME; fairlead venue list has them all", EXIT_USAGE)
    found = _ask(exchange)
    meaning = MEANING[found.support]
    if found.support is Support.UNSUPPORTED:
        raise StopError(f"{found.name} is not supported: {meaning}")
    if not found.keepable:
        raise StopError(f"{found.name} asks for {', '.join(found.keys)}: keys of this form are not kept here")
    if is_demo and not found.demo:
        raise StopError(f"{found.name} has no demo that ccxt knows: --mode live trades real money there")
    tell(f"{found.name}: {found.support.value}, {meaning}")
    if found.own_venue:
        tell(f"Fairlead has a venue of its own for it, which does more: --kind {exchange}")


def key_parts(exchange: str) -> Sequence[str]:
    """What a key of an exchange consists of, by ccxt's names, in the order in which it is kept.

    Raises:
        StopError: there is no such exchange, or ccxt is not installed.
    """
    return _ask(exchange).keys


def _ask(exchange: str) -> Survey:
    from fairlead.wiring.surveying import LibraryMissingError, UnknownExchangeError, survey

    try:
        return survey(exchange)
    except UnknownExchangeError:
        raise StopError(f"there is no exchange {exchange!r} over ccxt; see fairlead venue list") from None
    except LibraryMissingError as error:
        raise StopError(str(error)) from None
