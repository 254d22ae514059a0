"""The shape of a JSON value: its keys and types without what it says, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

Shape: TypeAlias = "str | list[Shape] | dict[str, Shape]"
"""A type's name; a list with the one shape of all its elements, or none; an object's fields."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | dict[str, Json] | None"

_NAMES = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}


def shape_of(value: Json) -> Shape:
    """Keys and types; what a list holds is one shape, with every key that any element has."""
    if isinstance(value, dict):
        return {name: shape_of(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return list(merge([shape_of(part) for part in value]))
    return _NAMES[type(value)]


def merge(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """One shape for many; nothing for nothing."""
    merged: list[Shape] = []
    for shape in shapes:
        merged = [_join(merged[0], shape)] if merged else [shape]
    return tuple(merged)


def _join(one: Shape, other: Shape) -> Shape:
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return {name: merge([part[name] for part in (one, other) if name in part])[0] for name in names}
    if isinstance(one, list) and isinstance(other, list):
        return list(merge([*one, *other]))
    if isinstance(one, str) and isinstance(other, str):
        return " or ".join(sorted({*one.split(" or "), *other.split(" or ")}))
    return one


def differences(there: Shape, here: Shape, path: str = "") -> Iterator[str]:
    """Where they differ: ``-field`` only there, ``+field`` only here, or one type there and another here."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted({*there, *here}):
            where = f"{path}.{name}" if path else name
            if name not in here:
                yield f"-{where}"
            elif name not in there:
                yield f"+{where}"
            else:
                yield from differences(there[name], here[name], where)
    elif isinstance(there, list) and isinstance(here, list):
        if there and here:
            yield from differences(there[0], here[0], path)
    elif there != here:
        yield f"{path}: {_word(there)} there, {_word(here)} here"


def _word(shape: Shape) -> str:
    return shape if isinstance(shape, str) else "a list" if isinstance(shape, list) else "an object"
