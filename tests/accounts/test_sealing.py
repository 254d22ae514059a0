from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fairlead.accounts.sealing import KeyFileBox


def test_a_secret_opens_in_its_own_context_only(tmp_path: Path) -> None:
    box = KeyFileBox(tmp_path / "key")
    sealed = box.seal(b"hush", "notify:t1:c1")

    assert box.open(sealed, "notify:t1:c1") == b"hush"
    assert KeyFileBox(tmp_path / "key").open(sealed, "notify:t1:c1") == b"hush"
    with pytest.raises(ValueError, match="sealed with another key"):
        box.open(sealed, "notify:t2:c1")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    box = KeyFileBox(tmp_path / "key")
    sealed = box.seal(b"hush", "c")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="sealed"):
            box.open(bytes(changed), "c")
    with pytest.raises(ValueError, match="sealed"):
        box.open(b"", "c")


def test_another_key_opens_nothing_and_says_what_is_missing(tmp_path: Path) -> None:
    sealed = KeyFileBox(tmp_path / "one").seal(b"hush", "c")
    KeyFileBox(tmp_path / "two").seal(b"", "c")
    with pytest.raises(ValueError, match="another key"):
        KeyFileBox(tmp_path / "two").open(sealed, "c")
    with pytest.raises(ValueError, match="cannot be read"):
        KeyFileBox(tmp_path / "gone").open(sealed, "c")


def test_the_key_belongs_to_its_owner_alone_and_nothing_repeats(tmp_path: Path) -> None:
    box = KeyFileBox(tmp_path / "key")
    assert box.seal(b"hush", "c") != box.seal(b"hush", "c")
    assert b"hush" not in box.seal(b"hush", "c")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
