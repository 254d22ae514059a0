"""API keys of the simulated exchange: whose account they open, what they may do, from where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.core.model.money import parse_amount

DEFAULT_CASH: Final = {"USDT": Decimal(100_000)}
_PARTS_MIN: Final = 3
_PARTS_MAX: Final = 4


class Permission(StrEnum):
    """What a key may do (OKX ``perm``)."""

    READ = "read_only"
    TRADE = "trade"
    WITHDRAW = "withdraw"


class ApiKey(msgspec.Struct, kw_only=True):
    """One key. ``addresses`` empty: from anywhere; ``is_demo`` None: live and demo requests alike."""

    key: str
    secret: str
    passphrase: str
    account_id: str
    permissions: frozenset[Permission] = frozenset({Permission.READ, Permission.TRADE})
    addresses: frozenset[str] = frozenset()
    is_demo: bool | None = None
    is_frozen: bool = False

    def __repr__(self) -> str:
        """Without what opens the account."""
        return f"ApiKey({self.key!r} of account {self.account_id!r})"


class KeyBook:
    """All keys, by their public part."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        """Begin with these."""
        self._keys = {key.key: key for key in keys}

    def add(self, key: ApiKey) -> None:
        """Give out a key, or change one."""
        self._keys[key.key] = key

    def revoke(self, key: str) -> bool:
        """Delete a key; False when there is none."""
        return self._keys.pop(key, None) is not None

    def find(self, key: str) -> ApiKey | None:
        """Look a key up."""
        return self._keys.get(key)

    def __iter__(self) -> Iterator[ApiKey]:
        """All keys."""
        return iter(tuple(self._keys.values()))


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the operator names it: its first key and its opening cash."""

    key: ApiKey
    balances: dict[str, Decimal]


def parse_member(text: str) -> Member:
    """Read ``KEY:SECRET:PASSPHRASE[:USDT=100000,BTC=2]``; the account is named after its key.

    Raises:
        ValueError: it is not of that form; the text of the error has no part of the secret.
    """
    parts = text.split(":")
    if not _PARTS_MIN <= len(parts) <= _PARTS_MAX or not all(parts[:_PARTS_MIN]):
        message = "expected KEY:SECRET:PASSPHRASE or KEY:SECRET:PASSPHRASE:USDT=100000,BTC=2"
        raise ValueError(message)
    key, secret, passphrase = parts[:_PARTS_MIN]
    balances = dict(DEFAULT_CASH) if len(parts) == _PARTS_MIN else _parse_cash(parts[_PARTS_MIN])
    return Member(key=ApiKey(key=key, secret=secret, passphrase=passphrase, account_id=key), balances=balances)


def _parse_cash(text: str) -> dict[str, Decimal]:
    balances = {}
    for item in text.split(","):
        currency, equals, amount = item.partition("=")
        if not (currency and equals):
            message = f"opening cash is written USDT=100000,BTC=2; found {item!r}"
            raise ValueError(message)
        balances[currency.upper()] = parse_amount(amount)
    return balances
