"""What to say about a name that is not there: the nearest one that is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_text(what: str, name: str, known: Iterable[str]) -> str:
    """One sentence: there is no such thing, and what there is."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=1)
    if near:
        return f"there is no {what} {name!r}; did you mean {near[0]!r}?"
    listed = f"there are {', '.join(names)}" if names else f"there is no {what} at all yet"
    return f"there is no {what} {name!r}; {listed}"
