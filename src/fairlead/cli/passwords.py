"""Where a password comes from."""

from __future__ import annotations

import getpass
import sys

from fairlead.cli.output import EXIT_USAGE, StopError
from fairlead.cli.private_input import GIVEN_LENGTH_MAX
from fairlead.core.model.secret import Secret


def read_password(*, username: str, from_stdin: bool, generate: bool) -> str:
    """Make one, read it from stdin, or ask twice at the terminal.

    Raises:
        StopError: there is no terminal to ask at, or the two answers differ.
    """
    if generate:
        from fairlead.accounts.passwords import generate_password

        return generate_password()
    if from_stdin:
        return sys.stdin.readline(GIVEN_LENGTH_MAX).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise StopError("there is no terminal to ask for a password: use --password-stdin or --generate", EXIT_USAGE)
    password = getpass.getpass(f"Password for {username}: ")
    if Secret(password) != Secret(getpass.getpass("Again: ")):
        raise StopError("the two passwords differ; nothing was changed")
    return password
