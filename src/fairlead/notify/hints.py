"""What to do about a failure, by its reason code and never by the words of its text."""

from __future__ import annotations

from typing import Final

from fairlead.core.model.risk import ReasonCode

CHECK_KEY: Final = "Check the account's API key: its permissions, its address list, and whether it is still valid."
CHECK_POSITION: Final = "Check the position: it may be closed already, or be held in another position mode."
CHECK_FUNDS: Final = "Check the funds: what is available may be less than the order needs."
OPEN_EXPLANATION: Final = "Open the explain page: it shows every check with its numbers."

# OKX API v5: 50100 to 50121 are about the key and its signature.
_KEY_CODES: Final = frozenset(str(code) for code in range(50_100, 50_122))
_POSITION_CODES: Final = frozenset(
    {"51023", "51112", "51169", "51170", ReasonCode.NOTHING_TO_REDUCE, "no_position", "position_mode"}
)
_FUNDS_CODES: Final = frozenset({"51008", "51119", "51127", "51131", ReasonCode.INSUFFICIENT_BALANCE})


def choose_hint(reason_codes: list[str]) -> str:
    """Say what to do first about these failures; keys come before positions, and positions before funds."""
    codes = set(reason_codes)
    for known, hint in ((_KEY_CODES, CHECK_KEY), (_POSITION_CODES, CHECK_POSITION), (_FUNDS_CODES, CHECK_FUNDS)):
        if codes & known:
            return hint
    return OPEN_EXPLANATION if codes else ""
