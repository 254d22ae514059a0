"""How the command line speaks: results on stdout, everything about them on stderr, one sentence when it stops.

Exit codes: 0 done; 1 no (not found, refused, a check found problems); 2 wrong usage or settings; 130 stopped by Ctrl-C
before it was done. To be told to stop is how a server is done: it ends with 0.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TextIO

EXIT_NO: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


class StopError(Exception):
    """The command ends here: one sentence that says what to do, and an exit code."""

    def __init__(self, message: str, code: int = EXIT_NO) -> None:
        """Say why, and how the process ends."""
        super().__init__(message)
        self.message = message
        self.code = code


def say(text: str = "") -> None:
    """Print a result."""
    sys.stdout.write(f"{text}\n")


def tell(text: str = "") -> None:
    """Print progress or advice: for people, never part of a result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_json(value: object, *, one_line: bool = False) -> None:
    """Print a result for a program; at once, since it may be waiting."""
    say(json.dumps(value, ensure_ascii=False, indent=None if one_line else 2))
    sys.stdout.flush()


def say_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str) -> None:
    """Print a list: a table for people, whose columns are the keys, or JSON."""
    if as_json:
        say_json(list(rows))
    elif rows:
        say("\n".join(table_lines(rows)))
    else:
        tell(empty)


def table_lines(rows: Sequence[Mapping[str, object]]) -> Iterable[str]:
    """Columns as wide as their widest cell."""
    names = list(rows[0])
    cells = [[name.replace("_", " ") for name in names], *([cell_text(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()


def say_facts(row: Mapping[str, object], *, as_json: bool) -> None:
    """Print one thing: a line per field, or JSON."""
    if as_json:
        say_json(dict(row))
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        say(f"{name.replace('_', ' '):<{width}}  {cell_text(value)}".rstrip())


def cell_text(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell_text(part)}" for name, part in value.items())
    return "" if value is None else str(value)


def wants_colour(stream: TextIO) -> bool:
    """Colour only for a person at a terminal who has not declined it (NO_COLOR)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def program_name() -> str:
    """How this program is called from here: by name when the shell finds it, else by its path."""
    return "fairlead" if shutil.which("fairlead") else sys.argv[0]
