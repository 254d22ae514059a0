"""docs/security.md is true: every test that it names exists, every command too, and no claim is without a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import typer.main

from fairlead.cli.app import app
from tests.architecture.source_tree import PACKAGE, ROOT, FunctionNode, describe

PAGE: Final = ROOT / "docs" / "security.md"
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
COMMAND: Final = re.compile(r"`fairlead ([a-z -]+?)(?: [A-Z-].*?)?`")
BOUND: Final = re.compile(r"^\| .* \| ([\d,]+)(?: \w+)? \| `([\w/]+\.py)  ([A-Z_]+)` \|$", re.MULTILINE)
CLAIMS: Final = re.compile(r"^\| Holds \| Proved by \|\n\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)


def find_missing_tests(page: str) -> list[str]:
    return [
        f"{path}::{name}"
        for path, name in NAMED.findall(page)
        if not (ROOT / path).is_file() or (name and name not in _list_tests(path))
    ]


def _list_tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, FunctionNode)}


def find_claims_without_test(page: str) -> list[str]:
    return [row for table in CLAIMS.findall(page) for row in table.splitlines() if not NAMED.search(row)]


def find_wrong_bounds(page: str) -> list[str]:
    """Bounds whose constant is not there or is another number."""
    return [
        f"{path} {name} is not {number}"
        for number, path, name in BOUND.findall(page)
        if _read_number(path, name) != float(number.replace(",", ""))
    ]


def _read_number(path: str, name: str) -> float | None:
    file = PACKAGE / path
    found = re.search(rf"^{name}: Final = ([\d_.]+)\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    return None if found is None else float(found[1].replace("_", ""))


def list_commands() -> set[str]:
    return {" ".join(path) for path in _walk(typer.main.get_command(app))}


def _walk(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    parts: dict[str, object] = getattr(command, "commands", {})
    for name, part in parts.items():
        yield from _walk(part, *path, name)


def test_every_claim_names_a_test_that_exists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(NAMED.findall(page)) > 40
    assert not find_missing_tests(page), describe(find_missing_tests(page))
    assert not find_claims_without_test(page), describe(find_claims_without_test(page))


def test_every_command_of_the_page_exists() -> None:
    named = set(COMMAND.findall(PAGE.read_text(encoding="utf-8")))
    known = list_commands()
    # What stands behind the name of a command may be what it is about: kill platform.
    assert not {one for one in named if one not in known and one.rpartition(" ")[0] not in known}


def test_every_bound_of_the_page_is_the_number_in_the_source() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(BOUND.findall(page)) > 20
    assert not find_wrong_bounds(page), describe(find_wrong_bounds(page))


def test_a_page_that_lies_is_found() -> None:
    assert find_wrong_bounds("| keys | 9 | `vault/master_keys.py  KEYS_MAX` |")
    assert find_wrong_bounds("| keys | 8 | `vault/master_keys.py  KEYS_MIN` |")
    assert not find_wrong_bounds("| keys | 8 | `vault/master_keys.py  KEYS_MAX` |")
    assert find_missing_tests("`tests/architecture/test_docs_security.py::test_nothing`")
    assert find_missing_tests("`tests/nowhere/test_x.py`")
    assert not find_missing_tests("`tests/architecture/test_docs_security.py::test_a_page_that_lies_is_found`")
    table = "| Holds | Proved by |\n|---|---|\n| all is well | trust us |\n"
    assert find_claims_without_test(table) == ["| all is well | trust us |"]
