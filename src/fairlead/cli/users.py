"""`fairlead user`: who may sign in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import say_facts, say_rows, tell
from fairlead.cli.passwords import read_password
from fairlead.cli.records import Registry, ask_registry
from fairlead.reporting.times import time_text

if TYPE_CHECKING:
    from fairlead.accounts.registry import Refused
    from fairlead.store.queries.users import User

users = typer.Typer(help="Who may sign in, and what they may do.", no_args_is_help=True, rich_markup_mode=None)


RoleName = Literal["owner", "admin", "trader", "viewer"]


@dataclass(frozen=True, kw_only=True)
class NameOptions(PrintOptions):
    """Which user."""

    username: Annotated[str, typer.Argument(metavar="NAME", help="Name to sign in with.")]


@dataclass(frozen=True, kw_only=True)
class PasswordOptions(NameOptions):
    """Where the password comes from: asked for at the terminal unless said otherwise."""

    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False
    generate: Annotated[bool, typer.Option("--generate", help="Make a password and print it once.")] = False

    def read(self) -> str:
        """Get the password."""
        return read_password(username=self.username, from_stdin=self.password_stdin, generate=self.generate)


@dataclass(frozen=True, kw_only=True)
class AddUserOptions(PasswordOptions):
    """A new user."""

    role: Annotated[RoleName, typer.Option(help="What they may do.")] = "owner"
    tenant: Annotated[str, typer.Option(metavar="NAME", help="Whose things to share; a new owner has their own.")] = ""
    time_zone: Annotated[
        str,
        typer.Option(metavar="ZONE", help="Where they live: an owner's days of loss limits begin there."),
    ] = "UTC"


@dataclass(frozen=True, kw_only=True)
class ZoneOptions(NameOptions):
    """Where a user lives."""

    time_zone: Annotated[str, typer.Argument(metavar="ZONE", help="Such as Europe/Berlin.")]


@add_command(
    users,
    "add",
    "fairlead user add alice --time-zone Europe/Berlin",
    "fairlead user add bob --role viewer --tenant alice --generate",
    'printf %s "$PASSWORD" | fairlead user add carol --password-stdin',
)
def add(options: AddUserOptions) -> None:
    """Add a user. An owner has accounts, groups and hooks of their own; others share those of a tenant."""
    from fairlead.accounts.registry import UserWish
    from fairlead.store.queries.users import Role

    password = options.read()
    wish = UserWish(
        username=options.username,
        password=password,
        role=Role(options.role),
        tenant=options.tenant,
        time_zone=options.time_zone,
    )
    _show(options, ask_registry(options, lambda registry: registry.users.add(wish)), password)


@add_command(users, "list", "fairlead user list")
def list_all(options: PrintOptions) -> None:
    """List all users."""
    found = ask_registry(options, lambda registry: registry.users.list_all(), reads=True)
    say_rows(
        [user_row(user) for user in found],
        as_json=options.as_json,
        empty="There is no user yet: add one with fairlead user add NAME",
    )


@add_command(users, "show", "fairlead user show alice --json")
def show(options: NameOptions) -> None:
    """Show one user."""
    found = ask_registry(options, lambda registry: registry.users.find(options.username), reads=True)
    say_facts(user_row(found), as_json=options.as_json)


@add_command(users, "disable", "fairlead user disable bob")
def disable(options: NameOptions) -> None:
    """Keep a user from signing in. The hooks they own take no alerts meanwhile."""
    _change(options, lambda registry: registry.users.set_enabled(options.username, enabled=False))


@add_command(users, "enable", "fairlead user enable bob")
def enable(options: NameOptions) -> None:
    """Let a disabled user sign in again."""
    _change(options, lambda registry: registry.users.set_enabled(options.username, enabled=True))


@add_command(users, "zone", "fairlead user zone alice Europe/Berlin")
def set_time_zone(options: ZoneOptions) -> None:
    """Say where a user lives: there the next days, weeks and months of an owner's loss limits begin."""
    _change(options, lambda registry: registry.users.set_time_zone(options.username, options.time_zone))


@add_command(users, "password", "fairlead user password alice", "fairlead user password alice --generate")
def set_password(options: PasswordOptions) -> None:
    """Give a user another password."""
    password = options.read()
    user = ask_registry(options, lambda registry: registry.users.set_password(options.username, password))
    _show(options, user, password)


def user_row(user: User) -> dict[str, object]:
    """A user as it is printed: everything but the password."""
    return {
        "username": user.username,
        "role": user.role.value,
        "tenant": user.tenant,
        "enabled": user.enabled,
        "time_zone": user.time_zone,
        "created": time_text(user.created_ms),
    }


def _change(options: NameOptions, work: Callable[[Registry], Awaitable[User | Refused]]) -> None:
    say_facts(user_row(ask_registry(options, work)), as_json=options.as_json)


def _show(options: PasswordOptions, user: User, password: str) -> None:
    row = user_row(user)
    if options.generate:
        row["password"] = password
        tell("The password is shown only now.")
    say_facts(row, as_json=options.as_json)
