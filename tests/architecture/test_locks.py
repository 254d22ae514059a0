"""The locks: everything is pinned by hash, nothing says where it comes from, and all of them are one resolution."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source_tree import ROOT, describe

RUNTIME: Final = "requirements.lock"
BACKTEST: Final = "requirements-backtest.lock"
DEVELOPMENT: Final = "requirements-dev.lock"
INSTALLER: Final = "requirements-uv.lock"
PIN: Final = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: --hash=\S+)*)"
)
HASH: Final = re.compile(r" --hash=sha256:[0-9a-f]{64}")

# (name, marker) -> version: one package may have two versions, for different Pythons.
Pins = dict[tuple[str, str], str]


def find_flaws(lock: str) -> list[str]:
    """Lines that are not `name==version ; marker --hash=... --hash=...`."""
    return [
        f"not a hash-pinned requirement: {line[:80]}"
        for line in _join_lines(lock)
        if (pin := PIN.fullmatch(line)) is None or not pin["hashes"] or HASH.sub("", pin["hashes"])
    ]


def read_pins(lock: str) -> Pins:
    pins = [pin for line in _join_lines(lock) if (pin := PIN.fullmatch(line))]
    return {(canonicalize_name(pin["name"]), pin["marker"] or ""): pin["version"] for pin in pins}


def _join_lines(lock: str) -> list[str]:
    joined = re.sub(r"\s*\\\n\s*", " ", lock)
    return [line for line in joined.splitlines() if line.strip()]


def find_unpinned(requirements: list[str], pins: Pins) -> list[str]:
    """Requirements that the lock leaves out or pins to a version they do not accept."""
    return [
        f"{requirement} is not satisfied by the lock: run make lock"
        for requirement in map(Requirement, requirements)
        if not any(
            name == canonicalize_name(requirement.name) and requirement.specifier.contains(version, prereleases=True)
            for (name, _), version in pins.items()
        )
    ]


def find_disagreements(runtime: Pins, development: Pins) -> list[str]:
    """Pins of the runtime that the developers do not have just so."""
    return [
        f"{name} {version}" for (name, marker), version in runtime.items() if development.get((name, marker)) != version
    ]


def _read_lock(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _read_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_lock_pins_by_hash_and_names_no_place() -> None:
    for name in (RUNTIME, BACKTEST, DEVELOPMENT, INSTALLER):
        flaws = find_flaws(_read_lock(name))
        assert read_pins(_read_lock(name)), name
        assert not flaws, name + describe(flaws)


def test_developers_run_what_users_run() -> None:
    for name in (RUNTIME, BACKTEST):
        disagreements = find_disagreements(read_pins(_read_lock(name)), read_pins(_read_lock(DEVELOPMENT)))
        assert not disagreements, name + describe(disagreements)


def test_what_the_project_asks_for_is_locked() -> None:
    project = _read_project()
    groups: list[str | dict[str, str]] = [asked for group in project["dependency-groups"].values() for asked in group]
    extras = [asked for extra in project["project"]["optional-dependencies"].values() for asked in extra]
    backtest = [
        asked for extra in ("backtest", "rules") for asked in project["project"]["optional-dependencies"][extra]
    ]
    unpinned = [
        *find_unpinned(project["project"]["dependencies"], read_pins(_read_lock(RUNTIME))),
        *find_unpinned([*project["project"]["dependencies"], *backtest], read_pins(_read_lock(BACKTEST))),
        *find_unpinned(extras, read_pins(_read_lock(DEVELOPMENT))),
        *find_unpinned([asked for asked in groups if isinstance(asked, str)], read_pins(_read_lock(DEVELOPMENT))),
        *find_unpinned(project["build-system"]["requires"], read_pins(_read_lock(INSTALLER))),
    ]
    assert not unpinned, describe(unpinned)


def test_a_lock_that_is_no_lock_is_found() -> None:
    digest = "sha256:" + "0" * 64
    assert not find_flaws(
        f"rich==15.0.0 ; python_full_version < '3.12' \\\n    --hash={digest} \\\n    --hash={digest}\n"
    )
    for text in (
        "rich==15.0.0\n",
        f"rich>=15 --hash={digest}\n",
        f"rich @ https://example.org/rich.whl --hash={digest}\n",
        "rich==15.0.0 \\\n    --hash=md5:0\n",
        "--index https://example.org\n",
        "# made by somebody\n",
    ):
        assert find_flaws(text), text


def test_a_requirement_outside_its_lock_is_found() -> None:
    pins: Pins = {("typing-extensions", ""): "4.16.0"}
    assert not find_unpinned(["Typing_Extensions>=4"], pins)
    assert find_unpinned(["typing-extensions>=5"], pins)
    assert find_unpinned(["rich"], pins)


def test_two_resolutions_are_found() -> None:
    assert find_disagreements({("rich", ""): "15.0.0"}, {("rich", ""): "15.0.1"}) == ["rich 15.0.0"]
    assert find_disagreements({("rich", ""): "15.0.0"}, {}) == ["rich 15.0.0"]
