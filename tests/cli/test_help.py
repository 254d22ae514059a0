from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import typer.main
from typer.testing import CliRunner, Result

from fairlead.cli.app import app

# They print nothing that a program would read.
SILENT = {("serve",), ("simulate",)}
# They keep nothing.
FORGETFUL = {("simulate",), ("venue", "check"), ("venue", "list")}


def commands() -> Iterator[tuple[str, ...]]:
    return _commands_of(typer.main.get_command(app))


def _commands_of(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    parts: dict[str, object] = getattr(command, "commands", {})
    if not parts:
        yield path
    for name, part in parts.items():
        yield from _commands_of(part, *path, name)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_help_teaches_by_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert f"  fairlead {' '.join(command)}" in result.output.partition("Example")[2]
    assert ("--data" in result.output) is (command not in FORGETFUL)
    assert ("--json" in result.output) is (command not in SILENT)


def test_help_names_the_exit_codes(run: Callable[..., Result]) -> None:
    assert "0 done, 1 no" in " ".join(run("--help").output.split())


def test_a_wrong_option_is_a_usage_error(run: Callable[..., Result]) -> None:
    run("user", "list", "--nonsense", code=2)


def test_version_is_told_to_people_and_programs(run: Callable[..., Result]) -> None:
    assert run("version").stdout.startswith("fairlead ")
    assert '"version"' in run("version", "--json").stdout
