"""Kinds of venues far away, by name: each is loaded when its first account is."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final, Protocol

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.market import Quote
from fairlead.ports import SecretBox
from fairlead.venues.account_findings import Finding
from fairlead.wiring.venue_kinds import CCXT, OKX, KindTools, VenueKind

# Only who has an account there pays for the library that talks to it: a tenth of a second, with ccxt one and a half.
_CLASSES: Final = {
    CCXT: ("fairlead.wiring.ccxt_kind", "CcxtKind"),
    OKX: ("fairlead.wiring.okx_kind", "OkxKind"),
}
FAR_KINDS: Final = tuple(_CLASSES)


class CheckingKind(VenueKind, Protocol):
    """One that can look at an account."""

    async def check(self, account: VenueAccount) -> Sequence[Finding]:
        """Look at an account without trading on it.

        Raises:
            VenueUnreachableError: the venue does not answer, or not with this key.
        """
        ...

    async def look_up(self, account: VenueAccount, symbol: str) -> Quote | None:
        """The price of an instrument now, without a key; None where the venue tells none.

        Raises:
            VenueUnreachableError: the venue does not answer.
        """
        ...


def open_far_kind(tools: KindTools, *, name: str, box: SecretBox) -> CheckingKind:
    """Load a kind and get it ready; nothing connects yet."""
    module, kind = _CLASSES[name]
    opened: CheckingKind = getattr(import_module(module), kind)(tools, box)
    return opened
