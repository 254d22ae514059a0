"""Reads the code of the project as text and as syntax trees, for the laws that imports and types cannot state."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "src" / "fairlead"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file; ``path`` is relative to the package, so a sample can pretend to stand anywhere."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    def where(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 0)}"


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def read_sources() -> tuple[Source, ...]:
    """Every module of the package."""
    return tuple(
        Source(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    )


@cache
def list_files() -> tuple[Path, ...]:
    """Every file that is committed or would be by `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in sorted(set(listing.split("\0")) - {""}) if (path := ROOT / name).is_file())


def describe(violations: list[str]) -> str:
    """One violation per line, as the message of a failed assert."""
    return "\n" + "\n".join(violations)
