"""What an error of ccxt says about an order: refused for certain, or nobody can tell.

ccxt sorts errors by their meaning for a program, not by whether something may have happened: of OKX it takes 51054 and
51149 (timed out, OKX API v5) for refusals and 50061 (not executed) for an error of any kind. So an exchange's own codes
decide where we know them, and everything that is not a certain refusal is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fairlead.core.model.reports import Rejected, Unknown
from fairlead.venues.ccxt.traits import Traits

NOT_CONNECTED: Final = "not_connected"
RATE_LIMITED_MS: Final = 2_000
MESSAGE_LENGTH_MAX: Final = 300

# ccxt's names for what it found wrong before anything was sent.
_BEFORE_SENDING: Final = frozenset({"ArgumentsRequired", "BadSymbol", "NotSupported"})
_INCONCLUSIVE: Final = frozenset({"ExchangeError", "ExchangeClosedByUser"})
_SUMMARIES: Final = frozenset({"0", "1", "2"})


def outcome_of(error: Exception, traits: Traits) -> Rejected | Unknown:
    """Judge an error that came back instead of an answer to an order, a cancel or a setting."""
    if _never_connected(error):
        return Rejected(code=NOT_CONNECTED, message="nothing was sent: the exchange could not be reached")
    codes = list(_codes(error, traits))
    return _by_codes(codes, _words(error), traits) if codes else _by_kind(error, traits)


def _by_codes(codes: Sequence[str], words: str, traits: Traits) -> Rejected | Unknown:
    if traits.unknown_codes.intersection(codes):
        return Unknown(message=f"the exchange cannot tell either: {words}")
    if traits.taken_codes.intersection(codes):
        return Unknown(message="the exchange has an order with this id already: it must be asked about it")
    retried = next((code for code in codes if code in traits.retry_codes), None)
    return Rejected(code=retried or codes[0], message=words, retry_after_ms=traits.retry_codes.get(retried or "", 0))


def _by_kind(error: Exception, traits: Traits) -> Rejected | Unknown:
    names = {kind.__name__ for kind in type(error).__mro__}
    name = type(error).__name__
    if names & _BEFORE_SENDING:
        return Rejected(code=name, message=_words(error))
    if traits.code_fields:
        # This exchange always says why, so whatever came was not its answer.
        return Unknown(message=f"{name}: no answer of the exchange")
    if "RateLimitExceeded" in names:
        return Rejected(code=name, message=_words(error), retry_after_ms=RATE_LIMITED_MS)
    # A plain ExchangeError is a code that has no meaning to ccxt either.
    if "ExchangeError" in names and name not in _INCONCLUSIVE:
        return Rejected(code=name, message=_words(error))
    return Unknown(message=f"{name}: {_words(error)}" if "BaseError" in names else f"{name} in the library")


def is_missing(error: Exception) -> bool:
    """Whether the exchange says that it does not know the order."""
    return "OrderNotFound" in {kind.__name__ for kind in type(error).__mro__}


def _never_connected(error: Exception) -> bool:
    # The library keeps aiohttp's error as the cause; this one is raised while connecting only.
    return "ClientConnectorError" in {kind.__name__ for kind in type(error.__cause__).__mro__}


def _codes(error: Exception, traits: Traits) -> Iterator[str]:
    """The exchange's own codes, those of single orders first; a code that only sums up says nothing."""
    answer = _answer(error)
    rows = answer.get("data")
    for part in [*(rows if isinstance(rows, list) else ()), answer]:
        for name in traits.code_fields:
            code = str(part.get(name, "")) if isinstance(part, dict) else ""
            if code and code not in _SUMMARIES:
                yield code


def _answer(error: Exception) -> dict[str, Any]:
    """The raw answer, which ccxt puts behind the exchange's name."""
    text = str(error)
    try:
        answer = json.loads(text[text.index("{") :])
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _words(error: Exception) -> str:
    """What the exchange answered; never the address of a request, which has its signature at some exchanges."""
    text = str(error)
    if "://" in text:
        return type(error).__name__
    return text[:MESSAGE_LENGTH_MAX]
