"""Secrets are compared in constant time: two places know how, and nobody else compares them at all.

`==` on what is called a token, secret, password, signature or credential is found wherever it stands. A digest in a
condition of a query is no comparison of ours: an index is asked for it, and nobody can choose digests letter by letter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.architecture.source_tree import Source, describe, read_sources

COMPARERS: Final = ("core/model/secret.py", "accounts/tokens.py")
WORDS: Final = frozenset(
    {"token", "secret", "password", "passphrase", "signature", "credential", "credentials", "reveal", "hmac", "mac"}
)
# What is told about a secret without being one; `password_hash` is one: whoever has it can guess at leisure.
TOLD_ABOUT: Final = frozenset({"count", "hint", "id", "ids", "length", "max", "min", "name", "names", "until", "place"})
OPERATORS: Final = (ast.Eq, ast.NotEq)


def find_compares(source: Source) -> list[str]:
    """Every comparison of a secret that is not one with emptiness or nothing."""
    if source.path in COMPARERS:
        return []
    return [
        f"{source.where(node)}: compare secrets with equal_digests or Secret: {ast.unparse(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and any(isinstance(one, OPERATORS) for one in node.ops) and _is_about(node)
    ]


def _is_about(compare: ast.Compare) -> bool:
    sides = [compare.left, *compare.comparators]
    if any(_is_harmless(side) for side in sides):
        return False
    return any(_is_secret(name) for side in sides for name in _names(side))


def _is_harmless(side: ast.expr) -> bool:
    """A number, nothing, an empty text; a column of a table; two of our Secrets, which compare as they should."""
    match side:
        case ast.Constant(value=value):
            return not isinstance(value, str | bytes) or not value
        case ast.Attribute(value=ast.Attribute(attr="c")):
            return True
        case ast.Call(func=ast.Name(id="Secret" | "len")):
            return True
        case ast.Call(func=ast.Attribute(attr="count" | "find")):
            return True
        case _:
            return False


def _names(side: ast.expr) -> Iterator[str]:
    match side:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Call(func=ast.Name(id=name)):
            yield name
        case ast.Call(func=ast.Attribute(attr=name, value=inner)):
            yield name
            yield from _names(inner)
        case ast.Subscript(value=inner, slice=place):
            yield from _names(inner)
            yield place.value if isinstance(place, ast.Constant) and isinstance(place.value, str) else ""
        case _:
            pass


def _is_secret(name: str) -> bool:
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return (
        bool(words)
        and not WORDS.isdisjoint(words)
        and words[-1] not in TOLD_ABOUT
        and words[0] not in {"is", "has", "find"}
    )


def test_secrets_are_compared_in_two_places_only() -> None:
    violations = [violation for source in read_sources() for violation in find_compares(source)]
    assert not violations, describe(violations)


def test_the_two_places_compare_in_constant_time() -> None:
    for source in read_sources():
        if source.path in COMPARERS:
            assert "hmac.compare_digest(" in source.text
            assert not re.search(r"(digest|text|token|one)\b.* == ", source.text), source.path


def test_a_comparison_of_a_secret_is_found() -> None:
    for text in (
        "if token == given: ...",
        "ok = hook.token_hash != hash_token(text)",
        "if secret.reveal() == other: ...",
        "while password == getpass('Again'): ...",
        "found = header['signature'] == expected",
        "if hmac.new(key, body).hexdigest() == given: ...",
    ):
        assert find_compares(Source("web/hooks/alerts.py", text)), text
        assert not find_compares(Source("accounts/tokens.py", text)), text
    for text in (
        "if token == '': ...",
        "if len(token) == 43: ...",
        "if Secret(one_password) != Secret(again): ...",
        "query.where(hooks.c.token_hash == token_hash)",
        "if hook.token_hint == hint: ...",
        "if secret is None: ...",
        "if equal_digests(hash_token(given), digest): ...",
        "if raw.count(token) == 1: ...",
    ):
        assert not find_compares(Source("web/hooks/alerts.py", text)), text
