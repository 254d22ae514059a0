"""`fairlead vault`: the keys that seal venue keys and channel secrets."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import Options, PrintOptions, add_command
from fairlead.cli.output import StopError, say, say_facts, say_json, say_rows, tell
from fairlead.cli.records import ask_database, check_database, prepare_database, run_uninterrupted
from fairlead.cli.vault_box import tell_new_key

if TYPE_CHECKING:
    from fairlead.store.session import Store
    from fairlead.vault.key_sources import KeySource

ResultT = TypeVar("ResultT")

vault = typer.Typer(
    help="The keys that seal venue keys and channel secrets.", no_args_is_help=True, rich_markup_mode=None
)


@dataclass(frozen=True, kw_only=True)
class ForgetOptions(PrintOptions):
    """Which key."""

    key: Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of an old key, as fairlead vault status shows it.")]


@add_command(vault, "status", "fairlead vault status", "fairlead vault status --json")
def status(options: PrintOptions) -> None:
    """Show which keys there are and how many sealed values need each. Exits with 1 when a key is missing."""
    from fairlead.vault.rotation import survey_keys

    origin, found = _ask(options, lambda store, source: _with_origin(source, survey_keys(store, source)), reads=True)
    rows = [
        {"key": use.name, "seals": use.is_active, "here": use.is_here, "sealed_values": use.values} for use in found
    ]
    tell(f"Keys come from {origin}")
    say_rows(rows, as_json=options.as_json, empty="There is no vault key yet, and nothing is sealed.")
    if not all(use.is_here for use in found):
        raise StopError(f"a key is missing that sealed values need: put it back into {origin}")


@add_command(vault, "init", "fairlead vault init", "fairlead vault init --data /srv/fairlead")
def init(options: PrintOptions) -> None:
    """Make the first key now, rather than when the first secret is sealed."""
    from fairlead.vault.rotation import check_keys, make_first_key

    async def make(store: Store, source: KeySource) -> tuple[str, str]:
        await check_keys(store, source)
        return source.origin, make_first_key(source)

    origin, name = _ask(options, make)
    tell_new_key(origin)
    say_facts({"key": name, "origin": origin}, as_json=options.as_json)


@add_command(vault, "rotate", "fairlead vault rotate")
def rotate(options: PrintOptions) -> None:
    """Make a new key and seal everything with it, beside a running server.

    Old keys are kept, for copies of the database from before; fairlead vault forget drops them. A rotation that was
    interrupted is finished first: then run it again for another new key.
    """
    from fairlead.vault.rotation import rotate as rotate_keys

    done = _ask(options, lambda store, source: rotate_keys(store, source, _show_progress))
    row = {"key": done.active_key, "new": done.new_key is not None, "resealed": done.resealed}
    say_facts(row | ({"problems": list(done.problems)} if done.problems else {}), as_json=options.as_json)
    if done.new_key is None:
        tell("An earlier rotation was finished; no new key was made.")
    if done.problems:
        raise StopError(f"{len(done.problems)} sealed values do not open and were left as they are")


@add_command(vault, "check", "fairlead vault check")
def check(options: PrintOptions) -> None:
    """Open every sealed value once, and show none. Exits with 1 and names what does not open."""
    from fairlead.vault.rotation import check_values

    values, problems = _ask(options, check_values, reads=True)
    if options.as_json:
        say_json({"values": values, "problems": list(problems)})
    else:
        for problem in problems:
            say(problem)
        say(f"{values} sealed values: {len(problems) or 'no'} problems")
    if problems:
        raise StopError("what does not open must be given again: fairlead account key set, fairlead notify")


@add_command(vault, "forget", "fairlead vault forget 3f9a0c6e51d7b284")
def forget(options: ForgetOptions) -> None:
    """Drop an old key that nothing needs any more. Copies of the database from before cannot be opened then."""
    from fairlead.vault.rotation import forget as forget_key

    _ask(options, lambda store, source: forget_key(store, source, options.key))
    say_facts({"forgotten": options.key}, as_json=options.as_json)


@add_command(vault, "new-key", "fairlead vault new-key", "(umask 077; fairlead vault new-key > key.txt)")
def new_key(options: PrintOptions) -> None:
    """Draw a key and print it, for a password store, a systemd credential or FAIRLEAD_VAULT_KEY. It is kept nowhere."""
    from fairlead.vault.key_sources import draw_key

    key = draw_key()
    say_facts({"key": key.name, "text": key.write()}, as_json=True) if options.as_json else say(key.write())
    tell(f"This is vault key {key.name}. It is shown only now.")


def _ask(options: Options, work: Callable[[Store, KeySource], Awaitable[ResultT]], *, reads: bool = False) -> ResultT:
    from fairlead.wiring.secret_box import find_keys

    settings = load_settings(options)
    (check_database if reads else prepare_database)(settings)
    with database_failures_explained(settings):
        source = find_keys(settings)
        return run_uninterrupted(ask_database(settings, lambda registry: work(registry.store, source)))


async def _with_origin(source: KeySource, found: Awaitable[ResultT]) -> tuple[str, ResultT]:
    return source.origin, await found


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        tell(f"{done} of {total} sealed values")
