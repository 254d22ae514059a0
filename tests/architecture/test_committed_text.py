"""What is committed names no package registry, no folder of somebody's machine and no place where somebody works."""

from __future__ import annotations

import re
from typing import Final

from tests.architecture.source_tree import ROOT, describe, list_files

# Put together here, so that this file does not contain what it looks for.
REGISTRIES: Final = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "yarnpkg" + ".com",
    "deb.debian" + ".org",
    "archive.ubuntu" + ".com",
)
REGISTRY_OPTIONS: Final = ("index" + "-url", "index" + "_url", "find" + "-links", "trusted" + "-host")
WORKPLACE_WORDS: Final = (
    r"\bCE" + r"O\b",
    r"work" + r"place",
    r"found" + r"ing engineer",
    r"sub-?agent\b",
    r"\.lib" + r"rary/",
    r"shared/" + r"(design|reference|tools|hooks|okx|onchain)",
)
HOMES: Final = r"(?<![\w.:/-])/(?:root|home/\w+|Users/\w+|work(?:space)?)/[\w.-]"
# A checkout may stand in a folder with a name as short as /src, which is no secret.
CHECKOUT_NAME_LENGTH_MIN: Final = 8

BANNED: Final = re.compile(
    "|".join(
        [
            *map(re.escape, REGISTRIES),
            *map(re.escape, REGISTRY_OPTIONS),
            *WORKPLACE_WORDS,
            HOMES,
            *([re.escape(str(ROOT))] if len(str(ROOT)) >= CHECKOUT_NAME_LENGTH_MIN else []),
        ]
    )
)


def find_banned_text(name: str, text: str) -> list[str]:
    return [
        f"{name}:{number}: {found.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if (found := BANNED.search(line))
    ]


def read_text(content: bytes) -> str:
    """A picture has no words."""
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def test_no_committed_file_tells_where_it_was_made() -> None:
    files = list_files()
    assert files
    violations = [
        violation
        for path in files
        for violation in find_banned_text(path.relative_to(ROOT).as_posix(), read_text(path.read_bytes()))
    ]
    assert not violations, describe(violations)


def test_tell_tale_texts_are_found() -> None:
    for text in (
        f"https://{REGISTRIES[0]}/simple",
        f"--{REGISTRY_OPTIONS[0]} somewhere",
        f"see {ROOT}/README.md" if len(str(ROOT)) >= CHECKOUT_NAME_LENGTH_MIN else "/home/" + "ann/fairlead",
        "path = '/ro" + "ot/.cache'",
        "(/ho" + "me/ann/fairlead)",
        "the C" + "EO said",
    ):
        assert find_banned_text("notes.md", text), text


def test_harmless_texts_pass() -> None:
    for text in (
        "https://example.org/home/page",
        "~/.local/share/fairlead",
        "/var/lib/fairlead",
        "how it works/what it does",
        "OCEO-N, networking",
        "./task/x and src/home/list.html",
    ):
        assert not find_banned_text("notes.md", text), text


def test_pictures_are_not_read() -> None:
    assert not read_text(b"\x89PNG\0" + REGISTRIES[0].encode())
