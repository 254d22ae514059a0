"""Every link of a page leads somewhere in the repository, and every decision has a number of its own."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def find_pages(root: Path) -> list[Path]:
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def find_broken(root: Path) -> list[str]:
    return [
        f"{page.relative_to(root)}: {link}"
        for page in find_pages(root)
        for link in LINK.findall(page.read_text())
        if not (page.parent / link).exists()
    ]


def find_shared_numbers(root: Path) -> list[str]:
    counted = Counter(path.name[:4] for path in (root / "docs" / "decisions").glob("*.md"))
    return [number for number, count in counted.items() if count > 1]


def test_every_link_leads_to_a_file() -> None:
    assert len(find_pages(ROOT)) > 20
    assert find_broken(ROOT) == []


def test_every_decision_has_its_own_number_and_says_it() -> None:
    assert find_shared_numbers(ROOT) == []
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        if path.name != "0000-template.md":
            assert path.read_text().startswith(f"# {path.name[:4]}: "), path.name


def test_a_link_to_nowhere_and_a_number_given_twice_are_found(tmp_path: Path) -> None:
    decisions = tmp_path / "docs" / "decisions"
    decisions.mkdir(parents=True)
    (decisions / "0001-this.md").write_text("[gone](nowhere.md), [here](0001-that.md#part), [far](https://example.com)")
    (decisions / "0001-that.md").write_text("")
    assert find_broken(tmp_path) == ["docs/decisions/0001-this.md: nowhere.md"]
    assert find_shared_numbers(tmp_path) == ["0001"]
