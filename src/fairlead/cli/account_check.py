"""`fairlead account check`: what will not work with an account, before anything is traded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, say_rows
from fairlead.cli.tenants import TenantOptions, ask_tenant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlead.accounts.registry import Refused
    from fairlead.cli.records import Registry
    from fairlead.wiring.account_check import AccountFinding


@dataclass(frozen=True, kw_only=True)
class CheckOptions(TenantOptions):
    """Which account."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]


def add_check(accounts: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(accounts, "check", "fairlead account check main", "fairlead account check main --json")(check)


def check(options: CheckOptions) -> None:
    """Ask an account's venue what its key may do and what will not work; trades nothing.

    Exits with 1 when the account would not be traded as it is.
    """
    settings = load_settings(options)

    async def work(registry: Registry, tenant: str) -> Sequence[AccountFinding] | Refused:
        from fairlead.accounts.registry import Refused
        from fairlead.orders.recover import VenueUnreachableError
        from fairlead.wiring.account_check import check_account

        account = await registry.accounts.find(tenant, options.account)
        if isinstance(account, Refused):
            return account
        try:
            return await check_account(settings, registry.store, account)
        except VenueUnreachableError as error:
            return Refused(message=str(error))

    found = ask_tenant(options, work, reads=True)
    rows = [
        {"severity": one.severity, "subject": one.subject, "message": one.message, "advice": one.advice}
        for one in found
    ]
    say_rows(rows, as_json=options.as_json, empty="Nothing is wrong with it.")
    if any(one.is_refusal for one in found):
        raise StopError(f"{options.account} is not traded until this is changed")
