"""Which parts a key has at an exchange, and which of our three places each is kept in.

The places do not depend on the order in which ccxt names the parts: what signs is never sent as what names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fairlead.venues.ccxt.client import UnsupportedExchangeError

# What names the key, what signs, and what some exchanges want beside.
_PLACES: Final = (("apiKey", "walletAddress"), ("secret", "privateKey"), ("password", "uid", "accountId"))
_NEEDED: Final = 2


def key_fields(exchange: str, required: Mapping[str, Any]) -> Sequence[str]:
    """The parts of a key by ccxt's names, in the order of our places; ``required`` is ccxt's requiredCredentials.

    Raises:
        UnsupportedExchangeError: its keys have another form.
    """
    needed = {name for name, is_needed in required.items() if is_needed}
    fields = [next((name for name in names if name in needed), "") for names in _PLACES]
    found = [name for name in fields if name]
    if set(found) != needed or not all(fields[:_NEEDED]):
        form = ", ".join(sorted(needed)) or "nothing"
        raise UnsupportedExchangeError(f"{exchange} asks for {form}: keys of this form are not kept here")
    return found
