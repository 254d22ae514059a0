"""Commands take one value with all their options: a frozen dataclass whose annotated fields typer reads."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Generic, TypeVar, get_type_hints

import typer

from fairlead.cli.output import StopError


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every command takes."""

    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="Data folder (default: FAIRLEAD_DATA_DIR, or your user data folder)."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PrintOptions(Options):
    """What every command takes that prints something a program may want to read."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False


OptionsT = TypeVar("OptionsT")


def add_command(
    app: typer.Typer,
    name: str,
    *examples: str,
) -> Callable[[Callable[[OptionsT], None]], Callable[[OptionsT], None]]:
    """Make a command of a function over one options value; its docstring is the help, and examples end it."""

    def register(run: Callable[[OptionsT], None]) -> Callable[[OptionsT], None]:
        app.command(name, help=_help_text(inspect.getdoc(run) or "", examples))(_Command(run))
        return run

    return register


class _Command(Generic[OptionsT]):
    """What typer calls: shows it a flat signature, and hands the command one value."""

    def __init__(self, run: Callable[[OptionsT], None]) -> None:
        self._run = run
        (kind,) = (hint for part, hint in get_type_hints(run).items() if part != "return")
        self._make: Callable[..., OptionsT] = kind
        hints = get_type_hints(kind, include_extras=True)
        self.__annotations__ = hints
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.default is MISSING else field.default,
                    annotation=hints[field.name],
                )
                for field in _own_fields_first(kind)
            ],
        )

    def __call__(self, **given: object) -> None:
        try:
            self._run(self._make(**given))
        except StopError as stop:
            sys.stderr.write(f"fairlead: {stop.message}\n")
            raise typer.Exit(stop.code) from None


def _own_fields_first(kind: type[Options]) -> list[Field[object]]:
    shared = {field.name for field in fields(PrintOptions)}
    return sorted(fields(kind), key=lambda field: field.name in shared)


def _help_text(text: str, examples: tuple[str, ...]) -> str:
    if not examples:
        return text
    heading = "Example:" if len(examples) == 1 else "Examples:"
    # The mark \b keeps the lines of a paragraph as they are.
    return "\n".join((text, "", "\b", heading, *(f"  {example}" for example in examples)))
