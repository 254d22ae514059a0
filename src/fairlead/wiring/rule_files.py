"""Finds rules that somebody wrote in Python, in the folder that the operator named.

This is no sandbox: a file there is as trusted as the program. What is refused is what would make a rule answer
differently in a replay than it did live: clocks, dice, networks and files.
"""

from __future__ import annotations

import ast
import re
import stat
import sys
from hashlib import blake2b
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Final

from fairlead.rules import Rule

MODULES: Final = frozenset(
    {
        *("__future__", "collections", "collections.abc", "dataclasses", "decimal", "enum", "functools", "itertools"),
        *("fairlead.rules", "math", "operator", "statistics", "typing"),
    }
)
"""What a rule may import."""

BUILTINS_REFUSED: Final = frozenset(
    {"__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "open", "print", "vars"}
)
_NAME: Final = re.compile(r"([a-z][a-z0-9_]*)(?:\.py)?:([A-Za-z_][A-Za-z0-9_]*)")
_MODULE: Final = "fairlead_rule_"
_DIGEST_BYTES: Final = 16
_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH


class RuleFiles:
    """The rules of one folder; a file is read once."""

    def __init__(self, folder: Path | None) -> None:
        """Look here; None: nowhere."""
        self._folder = folder
        self._modules: dict[str, ModuleType] = {}

    def __reduce__(self) -> tuple[type[RuleFiles], tuple[Path | None]]:
        """Another process reads the folder itself."""
        return RuleFiles, (self._folder,)

    def digest(self, name: str) -> str:
        """What tells the text of a rule's file from any other, as hex.

        Raises:
            ValueError: as ``find``.
        """
        stem = self.find(name).__module__.removeprefix(_MODULE)
        assert self._folder is not None, name
        return blake2b((self._folder / f"{stem}.py").read_bytes(), digest_size=_DIGEST_BYTES).hexdigest()

    def find(self, name: str) -> type[Rule]:
        """The class that ``file:Class`` names.

        Raises:
            ValueError: there is none, or its file may not be used; the message says why.
        """
        if self._folder is None:
            message = f"rule {name}: there is no folder of rules; set FAIRLEAD_RULES_DIR"
            raise ValueError(message)
        parts = _NAME.fullmatch(name)
        if parts is None:
            message = f"rule {name!r}: write file:Class, such as sma_cross:SmaCross"
            raise ValueError(message)
        stem, class_name = parts.groups()
        module = self._modules.get(stem)
        if module is None:
            module = self._modules[stem] = _load(self._folder / f"{stem}.py")
        found = getattr(module, class_name, None)
        if not isinstance(found, type) or not issubclass(found, Rule) or found is Rule:
            known = [key for key, one in vars(module).items() if isinstance(one, type) and issubclass(one, Rule)]
            there = ", ".join(key for key in known if key != "Rule") or "none"
            message = f"{self._folder / stem}.py has no rule {class_name}; it has {there}"
            raise ValueError(message)
        return found


def _load(path: Path) -> ModuleType:
    try:
        source = path.read_text(encoding="utf-8")
        modes = path.stat().st_mode | path.parent.stat().st_mode
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {error}"
        raise ValueError(message) from error
    if modes & _WRITABLE:
        message = f"{path} or its folder may be changed by others than its owner: chmod go-w {path} {path.parent}"
        raise ValueError(message)
    _check(path, source)
    name = f"{_MODULE}{path.stem}"
    loader = SourceFileLoader(name, str(path))
    spec = spec_from_loader(name, loader)
    assert spec is not None, path
    module = module_from_spec(spec)
    # Annotations of its classes are looked up there.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (ArithmeticError, AttributeError, ImportError, LookupError, NameError, TypeError, ValueError) as error:
        del sys.modules[name]
        message = f"{path} cannot be used: {type(error).__name__}: {error}"
        raise ValueError(message) from error
    return module


def _check(path: Path, source: str) -> None:
    try:
        tree = ast.parse(source, filename=str(path))
    except SyntaxError as error:
        message = f"{path}, line {error.lineno}: {error.msg}"
        raise ValueError(message) from error
    for node in ast.walk(tree):
        refused = _find_refused(node)
        if refused:
            message = f"{path}, line {getattr(node, 'lineno', 0)}: a rule may not use {refused}"
            raise ValueError(message)


def _find_refused(node: ast.AST) -> str:
    match node:
        case ast.Import(names=names):
            return next((one.name for one in names if one.name not in MODULES), "")
        case ast.ImportFrom(module=module, level=level):
            return "" if not level and module in MODULES else f"{'.' * level}{module or ''}"
        case ast.Name(id=name) if name in BUILTINS_REFUSED:
            return name
        case ast.Attribute(attr=name) if name.startswith("__"):
            return name
        case _:
            return ""
