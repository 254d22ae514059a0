from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from fairlead.rules import Rule
from fairlead.wiring.rule_files import RuleFiles

RULE = "from fairlead.rules import Rule\n\n\nclass Mine(Rule):\n    size: int = 3\n"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir(mode=0o700)
    return folder


def write(folder: Path, text: str, name: str = "mine.py") -> None:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def test_a_rule_is_found_by_its_file_and_class(folder: Path) -> None:
    write(folder, RULE)
    files = RuleFiles(folder)
    found = files.find("mine:Mine")
    assert issubclass(found, Rule)
    assert found({"size": "5"}).__dict__ == {"size": 5}
    assert files.find("mine.py:Mine") is found


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mine", "write file:Class"),
        ("../mine:Mine", "write file:Class"),
        ("/etc/passwd:Mine", "write file:Class"),
        ("other:Mine", "cannot be read"),
        ("mine:Rule", "has no rule Rule; it has Mine"),
        ("mine:Other", "has no rule Other; it has Mine"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(folder: Path, name: str, says: str) -> None:
    write(folder, RULE)
    with pytest.raises(ValueError, match=says):
        RuleFiles(folder).find(name)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import time", "line 1: a rule may not use time"),
        ("from random import random", "may not use random"),
        ("import socket", "may not use socket"),
        ("from fairlead.store import tables", "may not use fairlead.store"),
        ("from . import other", r"may not use \."),
        ("text = open('/etc/passwd').read()", "may not use open"),
        ("found = ().__class__", "may not use __class__"),
        ("def broken(:", "line 1"),
        ("missing_name", "NameError"),
    ],
)
def test_what_could_answer_differently_in_a_replay_is_refused(folder: Path, line: str, says: str) -> None:
    write(folder, f"{line}\n{RULE}")
    with pytest.raises(ValueError, match=says):
        RuleFiles(folder).find("mine:Mine")


def test_a_file_that_others_may_change_is_refused(folder: Path) -> None:
    write(folder, RULE)
    (folder / "mine.py").chmod(0o666)
    with pytest.raises(ValueError, match="chmod go-w"):
        RuleFiles(folder).find("mine:Mine")


def test_without_a_folder_there_are_no_rules() -> None:
    with pytest.raises(ValueError, match="FAIRLEAD_RULES_DIR"):
        RuleFiles(None).find("mine:Mine")


def test_another_process_reads_the_folder_itself(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o700)
    file = folder / "mine.py"
    file.write_text("from fairlead.rules import Rule\n\n\nclass Mine(Rule):\n    length: int = 3\n", encoding="utf-8")
    file.chmod(0o600)
    files = RuleFiles(folder)
    assert files.find("mine:Mine").__name__ == "Mine"
    find = pickle.loads(pickle.dumps(files.find))
    assert find("mine:Mine") is not files.find("mine:Mine")
    assert find("mine:Mine")({"length": "5"}).length == 5


def test_a_rule_that_was_changed_is_told_from_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "changing"
    folder.mkdir(mode=0o700)
    file = folder / "mine.py"
    digests = []
    for length in (3, 4, 3):
        text = f"from fairlead.rules import Rule\n\n\nclass Mine(Rule):\n    length: int = {length}\n"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        digests.append(RuleFiles(folder).digest("mine:Mine"))
    assert digests[0] == digests[2] != digests[1]
