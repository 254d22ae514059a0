"""`fairlead kill` and `fairlead unkill`: stop trading now, and start it again on purpose."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_json, say_rows, tell
from fairlead.core.model.latch import Latch, LatchLevel, LatchReason, LatchScope

if TYPE_CHECKING:
    from fairlead.cli.kill_effect import Effect
    from fairlead.settings import Settings
    from fairlead.store.latch_file import LatchFile

REPORT_WAIT_S: Final = 15
REPORT_POLL_MS: Final = 200
NAMELESS: Final = frozenset({LatchScope.PLATFORM})


@dataclass(frozen=True, kw_only=True)
class ScopeOptions(PrintOptions):
    """What a kill switch is about."""

    scope: Annotated[
        LatchScope | None,
        typer.Argument(help="How far it reaches.", metavar="SCOPE", show_default=False),
    ] = None
    name: Annotated[
        str,
        typer.Argument(
            help="Account label, symbol, hook name (or hook/strategy), user name; none for platform.",
            metavar="NAME",
            show_default=False,
        ),
    ] = ""
    reason: Annotated[str, typer.Option(help="Why, for everybody who meets it later.")] = ""
    user: Annotated[str, typer.Option(metavar="USER", help="Whose; needed only when there are several tenants.")] = ""
    as_id: Annotated[bool, typer.Option("--id", help="NAME is an id; the database is not asked.")] = False


@dataclass(frozen=True, kw_only=True)
class KillOptions(ScopeOptions):
    """What to do."""

    cancel: Annotated[bool, typer.Option("--cancel", help="Also cancel resting entry orders; protection stays.")] = (
        False
    )
    flatten: Annotated[bool, typer.Option("--flatten", help="Also close what is held, at market.")] = False
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Only say what it would do.")] = False
    show: Annotated[bool, typer.Option("--list", help="List the kill switches that are set.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before closing positions.")] = False

    @property
    def level(self) -> LatchLevel:
        """The strongest that was asked for."""
        if self.flatten:
            return LatchLevel.FLATTEN
        return LatchLevel.CANCEL_OPEN if self.cancel else LatchLevel.STOP_NEW


@dataclass(frozen=True, kw_only=True)
class UnkillOptions(ScopeOptions):
    """What to lift."""

    everything: Annotated[bool, typer.Option("--all", help="Lift every one that is set.")] = False


def add_kill(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(
        app,
        "kill",
        "fairlead kill platform                             nothing new, anywhere, from this moment",
        "fairlead kill account paper-1 --cancel             and cancel its resting entries",
        "fairlead kill instrument BTC-USDT-SWAP --flatten   and close what is held of it",
        "fairlead kill strategy my-hook --rehearse          only say what would happen",
        "fairlead kill --list",
    )(kill)
    add_command(
        app,
        "unkill",
        'fairlead unkill platform --reason "feed is back"',
        'fairlead unkill --all --reason "drill is over"',
    )(unkill)


def kill(options: KillOptions) -> None:
    """Stop new orders at once: everywhere, or of one user, account, instrument or strategy.

    Holds from the moment the command returns, over restarts, and also while the database or the web part is down.
    Closes, reduce-only orders and protection always pass. It stays until `fairlead unkill`.
    """
    settings = load_settings(options)
    file = _file(settings)
    if options.show:
        _show_all(_read(file), options)
        return
    latch = _latch(settings, options)
    if options.rehearse:
        _say_effect("Would stop", latch, _effect(settings, latch), options)
        return
    before = None if latch.level is LatchLevel.STOP_NEW else _effect(settings, latch)
    if before is not None:
        tell("\n".join(before.lines("Will")))
    if latch.level.flattens and not options.yes:
        typer.confirm("Close these positions at market now?", abort=True, err=True)
    _set(file, latch)
    tell(f"Set: {latch.subject}. Nothing new is sent from now on; lift it with fairlead unkill {_words(latch)}")
    if before is not None:
        _report(settings, latch, options)
    elif options.as_json:
        say_json(_row(latch))


def unkill(options: UnkillOptions) -> None:
    """Let orders pass again. A running server first compares every account that was covered with its venue."""
    if not options.reason.strip():
        raise StopError("say why with --reason TEXT: whoever reads the journal will want to know", EXIT_USAGE)
    settings = load_settings(options)
    lift_latches(settings, _chosen(settings, read_latches(settings), options), options.reason)


def lift_latches(settings: Settings, chosen: Sequence[Latch], reason: str) -> None:
    """Ask for kill switches to be lifted, and wait until a running server has done it.

    Raises:
        StopError: it was not done in time.
    """
    file = _file(settings)
    ids = {latch.latch_id for latch in chosen}
    file.change(
        lambda before: [_clearing(latch, reason) if latch.latch_id in ids else latch for latch in before],
    )
    if not is_served(settings):
        say("No server runs on this folder: the next start compares the accounts with their venues, then lifts it.")
        return
    if not wait_until(lambda: not any(latch.latch_id in ids for latch in _read(file))):
        raise StopError(
            f"not lifted yet: {', '.join(latch.subject for latch in chosen)}. The server lifts it as soon as every "
            "venue has told what its account holds; see /ready and the log",
        )
    say(f"Lifted: {', '.join(latch.subject for latch in chosen)}")


def read_latches(settings: Settings) -> tuple[Latch, ...]:
    """Read every kill switch that is set on a data folder.

    Raises:
        StopError: the folder is not there, or the file is damaged.
    """
    return _read(_file(settings))


def _latch(settings: Settings, options: KillOptions) -> Latch:
    from fairlead.clock import SystemClock
    from fairlead.core.model.ids import derive_id

    scope, name, label, tenant = _subject(settings, options)
    now_ms = SystemClock().now_ms()
    return Latch(
        latch_id=derive_id(now_ms, "latch", scope.value, tenant, name),
        scope=scope,
        level=options.level,
        by=f"{getpass.getuser()} on the command line",
        set_ms=now_ms,
        name=name,
        tenant=tenant,
        label=label,
        reason=LatchReason.MANUAL,
        text=options.reason.strip(),
    )


def _subject(settings: Settings, options: ScopeOptions) -> tuple[LatchScope, str, str, str]:
    scope = options.scope
    if scope is None:
        raise StopError(f"say how far it reaches: {', '.join(LatchScope)}", EXIT_USAGE)
    if scope in NAMELESS:
        if options.name:
            raise StopError(
                f"{scope.value} takes no name; did you mean fairlead kill account {options.name}?", EXIT_USAGE
            )
        return scope, "", "", ""
    if not options.name:
        raise StopError(f"name the {scope.value}, as in: fairlead kill {scope.value} NAME", EXIT_USAGE)
    if options.as_id:
        return scope, options.name, options.name, ""
    from fairlead.cli.kill_effect import find_subject

    with database_failures_explained(settings):
        return scope, *asyncio.run(find_subject(settings, scope, options.name, options.user))


def _chosen(settings: Settings, latches: Sequence[Latch], options: UnkillOptions) -> list[Latch]:
    if options.everything:
        chosen = list(latches)
    else:
        scope, name, _, tenant = _subject(settings, options)
        chosen = [one for one in latches if (one.scope, one.name, one.tenant) == (scope, name, tenant)]
    if not chosen:
        is_set = "; ".join(latch.subject for latch in latches) or "none is"
        raise StopError(f"no such kill switch is set ({is_set})")
    return chosen


def _set(file: LatchFile, latch: Latch) -> None:
    from fairlead.core.rules.latches import add_latch
    from fairlead.store.latch_file import LatchFileError

    try:
        file.change(lambda before: add_latch(before, latch))
    except LatchFileError as error:
        # Damaged, so everything is stopped already; what it held comes back from the journal at the next start.
        tell(f"{error}: writing it anew")
        file.rewrite([latch])


def _read(file: LatchFile) -> tuple[Latch, ...]:
    from fairlead.store.latch_file import LatchFileError

    try:
        return file.read()
    except FileNotFoundError:
        return ()
    except LatchFileError as error:
        raise StopError(
            f"{error}: everything is stopped until it is whole. Stop the server, remove the file, and start again: "
            "what the journal knows comes back",
        ) from error


def _file(settings: Settings) -> LatchFile:
    from fairlead.store.latch_file import LatchFile

    # A kill switch in the wrong folder would stop nothing and look as if it did.
    if not settings.data_dir.is_dir():
        raise StopError(f"there is no data folder at {settings.data_dir}: is it the right one (--data)?", EXIT_USAGE)
    return LatchFile(settings.data_dir)


def _effect(settings: Settings, latch: Latch) -> Effect:
    from fairlead.cli.kill_effect import read_effect

    with database_failures_explained(settings):
        return asyncio.run(read_effect(settings, latch))


def _report(settings: Settings, latch: Latch, options: KillOptions) -> None:
    if not is_served(settings):
        tell("No server runs on this folder: orders are canceled and positions closed at the next start.")
        return
    is_done = wait_until(lambda: _effect(settings, latch).is_done)
    _say_effect("Stopped", latch, _effect(settings, latch), options)
    if not is_done:
        raise StopError(
            f"not everything is done after {REPORT_WAIT_S} s; the server goes on: fairlead explain {latch.latch_id}"
        )


def _say_effect(verb: str, latch: Latch, effect: Effect, options: PrintOptions) -> None:
    if options.as_json:
        say_json({**_row(latch), "left": effect.rows})
        return
    say(f"{verb}: every new order of {latch.subject}; closes and protection pass.")
    say("\n".join(effect.lines("Would" if verb.startswith("Would") else "Left to do:")))


def wait_until(is_done: Callable[[], bool]) -> bool:
    """Wait for a running server to do something; False when it has not done it in time."""
    from fairlead.clock import SystemClock

    clock = SystemClock()
    until_s = clock.monotonic_s() + REPORT_WAIT_S
    while not is_done():
        if clock.monotonic_s() > until_s:
            return False
        asyncio.run(clock.sleep_ms(REPORT_POLL_MS))
    return True


def is_served(settings: Settings) -> bool:
    """Whether a server runs on the data folder."""
    from fairlead.store.folder_lock import FolderInUseError, FolderLock

    try:
        FolderLock(settings.data_dir).release()
    except FolderInUseError:
        return True
    return False


def _clearing(latch: Latch, reason: str) -> Latch:
    import msgspec

    return msgspec.structs.replace(latch, clearing=reason.strip())


def _show_all(latches: Sequence[Latch], options: PrintOptions) -> None:
    say_rows([_row(latch) for latch in latches], as_json=options.as_json, empty="No kill switch is set.")


def _row(latch: Latch) -> dict[str, object]:
    from fairlead.reporting.times import time_text

    return {
        "id": latch.latch_id,
        "scope": latch.scope.value,
        "name": latch.label or latch.name,
        "level": latch.level.value,
        "by": latch.by,
        "since": time_text(latch.set_ms),
        "reason": latch.text,
        "lifting": latch.clearing,
    }


def _words(latch: Latch) -> str:
    return " ".join(filter(None, (latch.scope.value, latch.label or latch.name)))
