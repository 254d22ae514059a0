"""A secret is opened in few places, all of them named here: where it is sealed, checked on its way in, or used."""

from __future__ import annotations

import ast
from typing import Final

from tests.architecture.source_tree import Source, describe, read_sources

# Where a text may be taken out of a Secret or of the settings, and what for.
REVEALERS: Final = {
    "accounts/registry/venue_keys.py": "its length and its fingerprint, before it is sealed",
    "core/model/secret.py": "compares two",
    "settings.py": "tells the log what to blank",
    "vault/": "seals and opens",
    "venues/ccxt/client.py": "hands the library what it signs with",
    "venues/okx/signing.py": "signs requests and logins",
    "wiring/notifying.py": "hands a channel its token",
    "wiring/secret_box.py": "reads the vault's keys",
}
OPENERS: Final = frozenset({"reveal", "get_secret_value"})


def find_reveals(source: Source) -> list[str]:
    if source.path.startswith(tuple(REVEALERS)):
        return []
    return [
        f"{source.where(node)}: a secret is revealed in a place that is not named"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr in OPENERS
    ]


def test_secrets_are_revealed_in_named_places_only() -> None:
    violations = [violation for source in read_sources() for violation in find_reveals(source)]
    assert not violations, describe(violations)


def test_every_named_place_is_there() -> None:
    paths = [source.path for source in read_sources()]
    assert not [place for place in REVEALERS if not any(path.startswith(place) for path in paths)]


def test_a_reveal_elsewhere_is_found() -> None:
    for text in (
        "print(secret.reveal())",
        "show = credentials.api_key.reveal",
        "settings.vault_key.get_secret_value()",
    ):
        assert find_reveals(Source("cli/vault.py", text)), text
        assert not find_reveals(Source("venues/okx/signing.py", text)), text
