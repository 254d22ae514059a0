"""docs/architecture.md is true: every path of its tree and every function of its walks is there; no folder is left out.

The page is read by its form. A fenced block whose first line is a folder, like `src/fairlead/`, is a tree: indentation
nests, and the first column, which ends at two spaces, names one path or several. A table row is a step of a walk when
it holds a path and a function in one pair of backticks, two spaces apart: `orders/submit.py  submit(cause, requests)`
or `orders/account_desk.py  AccountDesk.take_next`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.source_tree import PACKAGE, ROOT, FunctionNode, describe

PAGE: Final = ROOT / "docs" / "architecture.md"
FENCE: Final = re.compile(r"^```[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
TREE_ROOT: Final = re.compile(r"^[\w./-]+/(\s{2,}.*)?$")
PATH_NAME: Final = re.compile(r"[\w<>*.-]+(/[\w<>*.-]+)*/?")
STEP: Final = re.compile(r"`(?P<path>[\w./-]+\.(?:py|html))  ?(?P<function>[A-Za-z_][\w.]*)[^`]*`")
UNNAMED: Final = frozenset({"__init__.py", "__pycache__", "py.typed"})


def read_tree(page: str) -> list[str]:
    """Every path of the tree blocks, from the root of the repository; folders end with a slash."""
    return [path for block in FENCE.findall(page) if _is_tree(block) for path in _read_block(block)]


def _is_tree(block: str) -> bool:
    return bool(TREE_ROOT.match(next(iter(block.splitlines()), "")))


def _read_block(block: str) -> Iterator[str]:
    parents: list[tuple[int, str]] = []
    for line in filter(str.strip, block.splitlines()):
        depth = len(line) - len(line.lstrip())
        names = re.split(r"\s{2,}", line.strip())[0].split()
        while parents and parents[-1][0] >= depth:
            parents.pop()
        folder = parents[-1][1] if parents else ""
        yield from (folder + name for name in names)
        if len(names) == 1 and names[0].endswith("/"):
            parents.append((depth, folder + names[0]))


def find_missing_paths(paths: list[str], root: Path) -> list[str]:
    return [
        f"the tree names {path}, which does not exist"
        for path in paths
        if PATH_NAME.fullmatch(path) is None
        or not any(found.is_dir() or not path.endswith("/") for found in root.glob(path.rstrip("/")))
    ]


def find_unnamed_parts(paths: list[str], package: Path) -> list[str]:
    """Folders and modules of the package that the tree leaves out."""
    prefix = "src/fairlead/"
    named = {path.removeprefix(prefix).split("/")[0] for path in paths if path.startswith(prefix)}
    return [
        f"the tree leaves out {prefix}{part.name}"
        for part in sorted(package.iterdir())
        if part.name not in named | UNNAMED
    ]


def read_steps(page: str) -> list[tuple[str, str]]:
    """(path, function) of every step of the walks."""
    rows = [line for line in page.splitlines() if line.lstrip().startswith("|")]
    return [(step["path"], step["function"]) for row in rows for step in STEP.finditer(row)]


def find_untrue_steps(steps: list[tuple[str, str]], package: Path) -> list[str]:
    return [
        f"a walk goes through {path}  {function}, which does not exist"
        for path, function in steps
        if not (package / path).is_file() or function not in list_functions((package / path).read_text("utf-8"))
    ]


def list_functions(text: str) -> set[str]:
    """Functions and classes of a module; a method goes by its own name and by `Class.method`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, FunctionNode | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}.{member.name}" for member in node.body if isinstance(member, FunctionNode))
    return names


@pytest.fixture(name="page")
def _page() -> str:
    assert PAGE.is_file(), "docs/architecture.md is missing: it is the plan of the house"
    return PAGE.read_text(encoding="utf-8")


def test_the_tree_is_true(page: str) -> None:
    paths = read_tree(page)
    assert any(path.startswith("src/fairlead/") for path in paths), "no fenced tree that begins with src/fairlead/"
    violations = [*find_missing_paths(paths, ROOT), *find_unnamed_parts(paths, PACKAGE)]
    assert not violations, describe(violations)


def test_the_walks_are_true(page: str) -> None:
    steps = read_steps(page)
    assert steps, "no table row holds a step such as `orders/submit.py  submit`"
    violations = find_untrue_steps(steps, PACKAGE)
    assert not violations, describe(violations)


SAMPLE = """
```python
print("no tree")
```
```
src/fairlead/
  core/                 decides
    model/              nouns: money, ids
  orders/               the one order path
    submit.py           the door
  settings.py  what may be set
  cli.py __main__.py    two names before two spaces
tests/
```
| # | Function | Does |
|---|---|---|
| 1 | `orders/submit.py  submit(cause, requests)` | append `OrderApproved` and `orders/absent.py` |
| 2 | `orders/account_desk.py  AccountDesk.take_next` -> `telegram.send(text)` | |
not a row: `orders/recover.py  recover`
"""


def test_a_tree_is_read_by_its_form() -> None:
    assert read_tree(SAMPLE) == [
        "src/fairlead/",
        "src/fairlead/core/",
        "src/fairlead/core/model/",
        "src/fairlead/orders/",
        "src/fairlead/orders/submit.py",
        "src/fairlead/settings.py",
        "src/fairlead/cli.py",
        "src/fairlead/__main__.py",
        "tests/",
    ]


def test_steps_are_read_from_table_rows() -> None:
    assert read_steps(SAMPLE) == [
        ("orders/submit.py", "submit"),
        ("orders/account_desk.py", "AccountDesk.take_next"),
    ]


def test_a_tree_that_lies_is_found(tmp_path: Path) -> None:
    package = tmp_path / "src" / "fairlead"
    (package / "core").mkdir(parents=True)
    (package / "cli.py").touch()
    (package / "__init__.py").touch()
    assert not find_missing_paths(["src/fairlead/core/", "src/fairlead/cli.py", "src/*/cli.py"], tmp_path)
    assert len(find_missing_paths(["src/fairlead/cli.py/", "src/fairlead/web/", "{a,b}"], tmp_path)) == 3
    assert find_unnamed_parts(["src/fairlead/core/model/"], package) == ["the tree leaves out src/fairlead/cli.py"]
    assert not find_unnamed_parts(["src/fairlead/core/", "src/fairlead/cli.py"], package)


def test_a_step_that_lies_is_found(tmp_path: Path) -> None:
    (tmp_path / "submit.py").write_text("class Door:\n    async def submit(self): ...\n", encoding="utf-8")
    assert not find_untrue_steps([("submit.py", "submit"), ("submit.py", "Door.submit")], tmp_path)
    assert len(find_untrue_steps([("submit.py", "send"), ("absent.py", "submit")], tmp_path)) == 2
