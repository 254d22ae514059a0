# ruff: noqa: INP001 (a script, not a package)
"""What a sleeping bot weighs, part by part: every object that it holds is counted once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from fairlead.market.tripwires import PriceWires, TimeWires
from fairlead.orders.account_desk import AccountDesk
from fairlead.sources.bots.actor import BotActor
from fairlead.sources.bots.runner import BotRunner

# Slots of an actor by what they are.
PARTS: Final = {
    "bot": "settings",
    "_settings": "settings",
    "state": "state",
    "_heard": "what it heard of its orders",
}
# Shared by all.
_SHARED: Final = frozenset({"market", "_rules"})


def bytes_of_bots(runner: BotRunner, desks: Iterable[AccountDesk]) -> Mapping[str, float]:
    """Mean bytes of a bot by part; ``beyond its state`` is everything but settings and state.

    What the desk of its account has in memory anyway is no bot's.
    """
    found: Counter[str] = Counter()
    seen: set[int] = set()
    for desk in desks:
        deep_bytes(desk.book.requests, seen)
        deep_bytes(desk.book.orders, seen)
    actors = runner.actors
    # First whatever is its own, so that the rest counts only what is not.
    for actor in actors.values():
        for part in ("bot", "state"):
            found[PARTS[part]] += deep_bytes(getattr(actor, part), seen)
    for actor in actors.values():
        found["actor"] += sys.getsizeof(actor)
        for slot in BotActor.__slots__:
            if slot not in _SHARED:
                found[PARTS.get(slot, "actor")] += deep_bytes(getattr(actor, slot), seen)
    for board in runner._boards._boards.values():  # noqa: SLF001
        for wires in board._prices.values():  # noqa: SLF001
            found["tripwires"] += _bytes_of_wires(wires, seen)
        found["tripwires"] += _bytes_of_wires(board.times, seen)
    means = {part: size / max(len(actors), 1) for part, size in found.items()}
    rules = runner._rules._kept  # noqa: SLF001
    means["rules of the last 1,000, by bot"] = deep_bytes(dict(rules), seen) / max(len(actors), 1)
    beyond = sum(size for part, size in means.items() if part not in {"settings", "state"})
    return {**means, "beyond its state": beyond}


def deep_bytes(value: object, seen: set[int]) -> int:
    """Bytes of a value and all that it holds and nobody counted before."""
    if value is None or isinstance(value, (bool, Enum, type)) or id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, msgspec.Struct):
        return size + sum(deep_bytes(getattr(value, name), seen) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return size + sum(deep_bytes(key, seen) + deep_bytes(one, seen) for key, one in value.items())
    if isinstance(value, (tuple, list, frozenset)):
        return size + sum(deep_bytes(one, seen) for one in value)
    slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ()) if slot != "instrument"]
    held = [getattr(value, slot) for slot in slots if hasattr(value, slot)]
    return size + sum(deep_bytes(one, seen) for one in (*held, *getattr(value, "__dict__", {}).values()))


def _bytes_of_wires(wires: PriceWires | TimeWires, seen: set[int]) -> int:
    slots = ("_below", "_above", "_generations", "_heap")
    return sum(deep_bytes(getattr(wires, slot, None), seen) for slot in slots)
