"""The witness: everything that the exchange itself knows of an account, beyond doubt whatever clients were told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.core.model.money import format_amount

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue


def read_books(venue: OkxVenue, account_id: str) -> dict[str, Any]:
    """Orders (pending and finished), fills, positions and balances; amounts are text, times UTC milliseconds."""
    accounts = venue.exchange.accounts
    venue.settle()
    return {
        "account": account_id,
        "now_ms": venue.now_ms(),
        "position_mode": accounts.position_mode(account_id).value,
        "orders": plain([*accounts.finished_orders(account_id), *accounts.open_orders(account_id)]),
        "fills": plain([entry.item.fill for entry in venue.chronicle.fills(account_id)]),
        "positions": plain(accounts.positions(account_id)),
        "balances": plain(list(accounts.balances(account_id).values())),
    }


def plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Turn values of the exchange into what JSON can hold, amounts without exponent."""
    return _plain(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    match value:
        case Decimal():
            return format_amount(value)
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value
