"""Texts of policies that commands are given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairlead.cli.output import EXIT_USAGE, StopError

if TYPE_CHECKING:
    from fairlead.core.model.policy import Policy

STDIN: Final = "-"


def read_text(file: str) -> str:
    """Read a text from a file, or from stdin.

    Raises:
        StopError: it cannot be read.
    """
    try:
        return sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StopError(f"{file} cannot be read: {error}", EXIT_USAGE) from error


def parse_file(file: str) -> Policy:
    """Read a policy from a file; its name is the file's.

    Raises:
        StopError: it cannot be read, or is no policy.
    """
    from fairlead.accounts.policies import PolicyError, read_policy

    try:
        return read_policy("stdin" if file == STDIN else Path(file).stem, 1, read_text(file))
    except PolicyError as error:
        lines = [f"{one.path} = {one.value}: {one.rule}" for one in error.problems]
        raise StopError("\n  ".join([f"{file} is no policy:", *lines])) from error
