"""A name that fits everything says nothing: what needs one of these has two jobs."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from tests.architecture.source_tree import FunctionNode, Source, describe, read_sources

# Say nothing wherever they stand in a name.
EMPTY_WORDS = frozenset({"helper", "helpers", "manager", "misc", "util", "utils"})
# Say nothing alone, or at the head or the end of the name of a class; `handle_alert` and `base_url` have an object.
BARE_WORDS = frozenset({"base", "common", "data", "handle", "info", "process"})
# A folder gives a module its object: sources/webhook/handle.py handles a webhook's alerts.
MODULES_ALLOWED = frozenset({"handle"})


def split_words(name: str) -> list[str]:
    """Both `order_desk` and `OrderDesk` are the words order and desk."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def find_banned_modules(source: Source) -> list[str]:
    path = PurePosixPath(source.path)
    names = [*path.parent.parts, path.stem]
    return [
        f"{source.path}: a module called {name}"
        for name in names
        if EMPTY_WORDS.intersection(split_words(name)) or name in BARE_WORDS - MODULES_ALLOWED
    ]


def find_banned_definitions(source: Source) -> list[str]:
    return [
        f"{source.where(node)}: {node.name}"
        for node in source.tree.body
        if isinstance(node, FunctionNode | ast.ClassDef) and is_banned(node)
    ]


def is_banned(node: FunctionNode | ast.ClassDef) -> bool:
    words = split_words(node.name)
    if EMPTY_WORDS.intersection(words):
        return True
    ends = {words[0], words[-1]} if words else set()
    return not BARE_WORDS.isdisjoint(ends) if isinstance(node, ast.ClassDef) else node.name.strip("_") in BARE_WORDS


def test_no_module_has_an_empty_name() -> None:
    violations = [violation for source in read_sources() for violation in find_banned_modules(source)]
    assert not violations, describe(violations)


def test_no_function_or_class_has_an_empty_name() -> None:
    violations = [violation for source in read_sources() for violation in find_banned_definitions(source)]
    assert not violations, describe(violations)


def test_empty_names_of_modules_are_found() -> None:
    for path in ("utils.py", "orders/order_helpers.py", "common/desk.py", "orders/data.py", "base.py", "web/misc.py"):
        assert find_banned_modules(Source(path, "")), path
    for path in ("sources/webhook/handle.py", "orders/database.py", "market/candles.py", "store/__init__.py"):
        assert not find_banned_modules(Source(path, "")), path


def test_empty_names_of_functions_and_classes_are_found() -> None:
    for name in ("handle", "process", "_handle", "order_utils", "info"):
        assert find_banned_definitions(Source("desk.py", f"async def {name}(): ...")), name
    for name in ("handle_alert", "base_url", "process_id"):
        assert not find_banned_definitions(Source("desk.py", f"def {name}(): ...")), name
    for name in ("OrderManager", "BaseVenue", "UserData", "OrderInfo", "HTTPHelper"):
        assert find_banned_definitions(Source("desk.py", f"class {name}: ...")), name
    for name in ("Database", "AccountDesk", "Informed"):
        assert not find_banned_definitions(Source("desk.py", f"class {name}: ...")), name
