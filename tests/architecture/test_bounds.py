"""Nothing grows without a bound: queues and caches have one of their own, or this page names what bounds them."""

from __future__ import annotations

import ast
from typing import Final

from tests.architecture.source_tree import Source, describe, read_sources

QUEUES: Final = {"Queue": 0, "LifoQueue": 0, "PriorityQueue": 0, "deque": 1}
BOUND_NAMES: Final = frozenset({"maxsize", "maxlen"})
# Who makes a queue or cache without a bound of its own, and the limit that is asked before anything is put into it.
BOUNDED_ELSEWHERE: Final = {
    ("accounts/passwords.py", "cache"): ("accounts/passwords.py", "_hash_of_nobody()"),
    ("core/rules/matching.py", "deque"): ("core/rules/risk_checks/holdings.py", "open_orders_max"),
    ("core/rules/risk_checks/facts.py", "cache"): ("core/rules/risk_checks/facts.py", "one of few texts"),
    ("observing/logs.py", "SimpleQueue"): ("observing/logs.py", "self._waiting.qsize() >= LINES_WAITING_MAX"),
    ("orders/desk_inbox.py", "deque"): ("orders/submit.py", "unfinished_max"),
    ("store/deliveries.py", "deque"): ("store/writer.py", "UNITS_WAITING_MAX"),
    ("store/writer.py", "SimpleQueue"): ("store/writer.py", "self._waiting.qsize() >= UNITS_WAITING_MAX"),
}


def find_unbounded(source: Source) -> list[tuple[str, str]]:
    """Where a queue or cache without a bound is made: (place, what it is)."""
    found = []
    for node in ast.walk(source.tree):
        match node:
            case ast.Call() if (name := _last_name(node.func)) in {*QUEUES, "SimpleQueue", "lru_cache"}:
                if not _has_bound(node, name):
                    found.append((source.where(node), name))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names = [_last_name(mark) for mark in node.decorator_list]
                found += [(source.where(node), name) for name in names if name in {"cache", "lru_cache"}]
            case _:
                pass
    return found


def _has_bound(call: ast.Call, name: str) -> bool:
    place = QUEUES.get(name, 0)
    given = [*call.args[place : place + 1], *(one.value for one in call.keywords if one.arg in BOUND_NAMES)]
    return name != "SimpleQueue" and any(not isinstance(one, ast.Constant) or one.value for one in given)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_queue_and_cache_is_bounded() -> None:
    violations = [
        f"{place}: {name} without a bound; what keeps it from growing?"
        for source in read_sources()
        for place, name in find_unbounded(source)
        if (source.path, name) not in BOUNDED_ELSEWHERE
    ]
    assert not violations, describe(violations)


def test_what_bounds_them_is_there() -> None:
    texts = {source.path: source.text for source in read_sources()}
    made = {(source.path, name) for source in read_sources() for _, name in find_unbounded(source)}
    assert made == set(BOUNDED_ELSEWHERE)
    for path, limit in BOUNDED_ELSEWHERE.values():
        assert limit in texts[path], (path, limit)


def test_what_could_grow_for_ever_is_found() -> None:
    for text in (
        "queue = asyncio.Queue()",
        "queue = Queue(maxsize=0)",
        "queue = SimpleQueue()",
        "rows = deque()",
        "rows = deque(found)",
        "rows = collections.deque(found, maxlen=None)",
        "@cache\ndef read(): ...",
        "@functools.lru_cache(maxsize=None)\ndef read(text): ...",
        "@lru_cache\ndef read(text): ...",
    ):
        assert find_unbounded(Source("web/app.py", text)), text
    for text in (
        "queue = asyncio.Queue(WAITING_MAX)",
        "rows = deque(maxlen=WAITING_MAX)",
        "rows = deque(found, WAITING_MAX)",
        "@lru_cache(maxsize=256)\ndef read(text): ...",
        "cached = found.cache",
    ):
        assert not find_unbounded(Source("web/app.py", text)), text
