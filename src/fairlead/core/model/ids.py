"""Derived, time-ordered ids: doing the same thing again gives the same id, and new rows land at the end of an index."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

ORDER_ID_LENGTH: Final = 27
TIME_HEX_DIGITS: Final = 11
TIME_MS_MAX: Final = 16**TIME_HEX_DIGITS - 1
_DIGEST_BYTES: Final = 8
PROTECTION: Final = "protection"
"""Role of a stop or take-profit attached to an order."""


def derive_id(at_ms: int, *parts: str) -> str:
    """27 hex characters: 11 of the time in milliseconds, 16 of a BLAKE2b digest over the parts.

    ``at_ms`` must come from a journaled fact, never from the clock at handling time, or a repeat gets another id.

    Raises:
        ValueError: the time does not fit 11 hex digits.
    """
    return write_time(at_ms) + blake2b(_join(parts), digest_size=_DIGEST_BYTES).hexdigest()


def write_time(at_ms: int) -> str:
    """What an id of this time begins with.

    Raises:
        ValueError: the time does not fit 11 hex digits.
    """
    if not 0 <= at_ms <= TIME_MS_MAX:
        message = f"time {at_ms} ms does not fit an id"
        raise ValueError(message)
    return f"{at_ms:011x}"


def moment_of(derived: str) -> str:
    """What an id begins with: the same for all that was derived at one time."""
    return derived[:TIME_HEX_DIGITS]


def _join(parts: Iterable[str]) -> bytes:
    # Length prefixes keep ("ab", "c") and ("a", "bc") apart.
    return "".join([f"{len(part)}:{part}" for part in parts]).encode()


def alert_id(*, received_at_ms: int, hook_id: str, nonce: str) -> str:
    """Id of one received call; the nonce tells equal bodies of the same millisecond apart."""
    return derive_id(received_at_ms, "alert", hook_id, nonce)


def request_id(*, cause_at_ms: int, cause: str, account_id: str) -> str:
    """Id of the one order request that a cause makes for an account."""
    return derive_id(cause_at_ms, "request", cause, account_id)


def request_ids(*, cause_at_ms: int, cause: str, account_ids: Iterable[str]) -> list[str]:
    """Ids of all requests that a cause makes, as ``request_id`` gives them; what they share is digested once."""
    at = write_time(cause_at_ms)
    shared = blake2b(_join(("request", cause)), digest_size=_DIGEST_BYTES)
    ids = []
    for account_id in account_ids:
        digest = shared.copy()
        digest.update(_join((account_id,)))
        ids.append(at + digest.hexdigest())
    return ids


def client_order_id(*, cause_at_ms: int, request: str, leg: int) -> str:
    """Id we give an order: letters and digits, 27 of OKX's 32 (OKX API v5)."""
    return derive_id(cause_at_ms, "order", request, str(leg))


def child_order_id(parent: str, role: str) -> str:
    """Id of an order that the venue makes for one of ours, such as an attached stop."""
    return f"{moment_of(parent)}{blake2b(f'{role}:{parent}'.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"
