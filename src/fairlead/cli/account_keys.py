"""`fairlead account key`: the key that an account trades with at its venue."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.ccxt_accounts import CCXT, key_parts
from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_facts, tell
from fairlead.cli.private_input import GIVEN_LENGTH_MAX, read_private_text
from fairlead.cli.tenants import TenantOptions, ask_tenant
from fairlead.cli.vault_box import open_vault
from fairlead.reporting.times import time_text

if TYPE_CHECKING:
    from fairlead.accounts.registry import VenueKeyRegistry
    from fairlead.cli.records import Registry
    from fairlead.store.queries.secrets import VenueKeyRow

PARTS: Final = ("API key", "secret", "passphrase")
DEFAULT_PERMISSIONS: Final = ("read_only", "trade")

account_key = typer.Typer(
    help="The key that an account trades with at its venue; sealed, and never shown again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class KeyOptions(TenantOptions):
    """Which account."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]


@dataclass(frozen=True, kw_only=True)
class SetKeyOptions(KeyOptions):
    """Where the key comes from: asked for at the terminal unless said otherwise."""

    from_stdin: Annotated[
        bool,
        typer.Option(
            "--stdin",
            help="Read API key, secret and passphrase from stdin, a line each; for kind ccxt what fairlead venue check "
            "lists as keys.",
        ),
    ] = False
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the same lines from a file that only you can read.")
    ] = None
    permission: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What the venue lets it do: read_only, trade (default: both); repeatable."),
    ] = None

    def read_parts(self, parts: Sequence[str]) -> Sequence[str]:
        """Get the parts; they are never part of the command line, which others on the machine can see.

        Raises:
            StopError: there is no terminal to ask at, or there are not as many lines to read.
        """
        if self.file is not None:
            return _split(read_private_text(self.file), parts)
        if self.from_stdin:
            return _split(sys.stdin.read(GIVEN_LENGTH_MAX), parts)
        if not sys.stdin.isatty():
            raise StopError("there is no terminal to ask for the key: use --stdin or --file FILE", EXIT_USAGE)
        return [getpass.getpass(f"{part}: ").strip() for part in parts]


@add_command(
    account_key,
    "set",
    "fairlead account key set main",
    "fairlead account key set main --file key.txt",
    "fairlead account key set watcher --permission read_only --stdin < key.txt",
)
def set_key(options: SetKeyOptions) -> None:
    """Give an account its venue key, in place of the one it had.

    Make it at the venue for trading only, bound to this machine's address. A key that may withdraw is refused.
    """
    from fairlead.accounts.registry import VenueKeyWish
    from fairlead.core.model.secret import Secret

    api_key, api_secret, passphrase = map(Secret, _read_key(options))
    wish = VenueKeyWish(
        api_key=api_key,
        api_secret=api_secret,
        passphrase=passphrase,
        permissions=tuple(options.permission or DEFAULT_PERMISSIONS),
    )
    box = open_vault(load_settings(options))
    row = ask_tenant(options, lambda registry, tenant: _keys(registry).set(tenant, options.account, wish, box))
    say_facts(_key_row(options.account, row), as_json=options.as_json)


@add_command(account_key, "show", "fairlead account key show main")
def show_key(options: KeyOptions) -> None:
    """Show that an account has a key, since when, and which vault key seals it; never the key itself."""
    account, row = ask_tenant(
        options, lambda registry, tenant: _keys(registry).find(tenant, options.account), reads=True
    )
    say_facts(_key_row(account.label, row), as_json=options.as_json)


@add_command(account_key, "remove", "fairlead account key remove main")
def remove_key(options: KeyOptions) -> None:
    """Forget an account's key. At the venue it stays valid until you delete it there."""
    account = ask_tenant(options, lambda registry, tenant: _keys(registry).remove(tenant, options.account))
    say_facts({"account": account.label, "removed": True}, as_json=options.as_json)
    tell(f"Now delete it at {account.exchange} too.")


def _read_key(options: SetKeyOptions) -> Sequence[str]:
    """The three parts that are kept; over ccxt the last is empty where the exchange has two."""
    account = ask_tenant(options, lambda registry, tenant: registry.accounts.find(tenant, options.account), reads=True)
    if account.kind != CCXT:
        return options.read_parts(PARTS)
    parts = key_parts(account.exchange)
    given = options.read_parts(parts)
    if not all(given):
        raise StopError(f"{account.exchange} asks for {', '.join(parts)}, and one is empty", EXIT_USAGE)
    return (*given, "")[: len(PARTS)]


def _keys(registry: Registry) -> VenueKeyRegistry:
    from fairlead.accounts.registry import VenueKeyRegistry
    from fairlead.clock import SystemClock

    return VenueKeyRegistry(registry.store, SystemClock())


def _key_row(account: str, row: VenueKeyRow) -> dict[str, object]:
    from fairlead.vault.sealing import read_key_id

    return {
        "account": account,
        "permissions": [permission.value for permission in row.permissions],
        "fingerprint": f"sha256:{row.fingerprint.hex()}",
        "sealed_with": read_key_id(row.api_secret).hex(),
        "created": time_text(row.created_ms),
    }


def _split(text: str, parts: Sequence[str]) -> Sequence[str]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) != len(parts):
        raise StopError(f"give {len(parts)} lines, {', '.join(parts)}; there are {len(lines)}", EXIT_USAGE)
    return lines
