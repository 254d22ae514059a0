"""What a venue found about an account when it looked, for whoever set the account up."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Severity(IntEnum):
    """How bad it is: nothing is traded on a refusal."""

    REFUSE = 0
    WARN = 1
    NOTE = 2


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about an account, and what a person can do about it."""

    severity: Severity
    subject: str
    message: str
    advice: str
