from __future__ import annotations

import copy
import os
import pickle
import threading
from pathlib import Path

import pytest

from fairlead.core.model.secret import Secret
from fairlead.observing.redaction import Redactor
from fairlead.ports import SealedPlace
from fairlead.vault.box import VaultBox
from fairlead.vault.key_sources import GivenKeys, KeyFile, KeysChangedError, NoKeys, draw_key
from fairlead.vault.master_keys import KEYS_MAX, KeyRing, MasterKey, VaultError, read_keys

PLACE = SealedPlace(tenant="t1", table="venue_keys", row_id="a1", field="api_secret")


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "vault.key")


def write(path: Path, *keys: MasterKey, mode: int = 0o600) -> KeyFile:
    path.write_text(KeyRing(keys).write())
    path.chmod(mode)
    return KeyFile(path)


# --- how keys are written


def test_keys_are_read_as_they_are_written_with_commas_lines_and_remarks() -> None:
    one, two = draw_key(), draw_key()
    for text in (f"{one.write()},{two.write()}", f"# mine\n{one.write()} # new\n\n{two.write()}\n"):
        assert read_keys(text).names == (one.name, two.name)
        assert read_keys(text).active.reveal() == one.reveal()


@pytest.mark.parametrize("change", ["drop", "add", "sign", "prefix", "last", "umlaut"])
def test_a_mistyped_key_is_refused_and_not_repeated(change: str) -> None:
    text = MasterKey(bytes(32)).write()
    changed = {
        "drop": text[:-1],
        "add": text + "A",
        "sign": f"{text[:-2]}!{text[-1]}",
        "prefix": text[4:],
        "last": f"{text[:-1]}B",
        "umlaut": f"{text[:-1]}ü",
    }[change]
    with pytest.raises(VaultError) as caught:
        read_keys(changed)
    assert text[6:20] not in str(caught.value)


def test_a_ring_has_no_key_twice_and_not_too_many() -> None:
    key = draw_key()
    with pytest.raises(VaultError, match="twice"):
        read_keys(f"{key.write()} {key.write()}")
    with pytest.raises(VaultError, match="1 to 8 keys, not 0"):
        read_keys("# nothing")
    full = KeyRing(tuple(draw_key() for _ in range(KEYS_MAX)))
    with pytest.raises(VaultError, match="not 9: fairlead vault forget"):
        full.begin_with(draw_key())


def test_a_key_shows_only_its_name() -> None:
    key = draw_key()
    ring = KeyRing((key,))
    told = f"{key!r} {ring!r} {key} {ring}"
    assert key.name in told
    assert key.write()[4:12] not in told
    assert Redactor().redact_text(f"found {key.write()} there") == "found *** there"
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            carry(key)


# --- where they are kept


def test_the_first_sealing_makes_a_private_key_file_and_says_so_once(tmp_path: Path) -> None:
    os.umask(before := os.umask(0))
    os.umask(0)
    told: list[str] = []
    try:
        box = VaultBox(KeyFile(tmp_path / "vault.key"), told.append)
        sealed = box.seal(Secret("hush"), PLACE)
        box.seal(Secret("hush"), PLACE)
    finally:
        os.umask(before)
    assert told == [str(tmp_path / "vault.key")]
    assert [path.name for path in tmp_path.iterdir()] == ["vault.key"]
    assert (tmp_path / "vault.key").stat().st_mode & 0o7777 == 0o600
    assert VaultBox(KeyFile(tmp_path / "vault.key")).open(sealed, PLACE).reveal() == "hush"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_use_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    source = write(tmp_path / "vault.key", draw_key(), mode=mode)
    with pytest.raises(VaultError, match=rf"mode 0{mode:o}.*chmod 600 {tmp_path}/vault.key"):
        source.read()


def test_a_link_a_folder_and_rubbish_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "real", draw_key())
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "rubbish").write_bytes(b"\xff" * 40_000)
    (tmp_path / "rubbish").chmod(0o600)
    for name in ("link", "folder", "rubbish"):
        with pytest.raises(VaultError, match=name):
            KeyFile(tmp_path / name).read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "vault.key", draw_key())
    os.chown(tmp_path / "vault.key", 12_345, -1)
    with pytest.raises(VaultError, match="belongs to another user"):
        source.read()


def test_two_first_sealings_at_once_make_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    sealed: list[bytes] = []

    def run() -> None:
        box = VaultBox(KeyFile(tmp_path / "vault.key"))
        start.wait()
        sealed.append(box.seal(Secret("hush"), PLACE))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    box = VaultBox(KeyFile(tmp_path / "vault.key"))
    assert [box.open(one, PLACE).reveal() for one in sealed] == ["hush"] * 8


def test_keys_that_somebody_else_wrote_are_not_overwritten(file: KeyFile, tmp_path: Path) -> None:
    first = KeyRing((draw_key(),))
    file.replace(None, first)
    with pytest.raises(KeysChangedError, match="already"):
        file.replace(None, KeyRing((draw_key(),)))
    with pytest.raises(KeysChangedError, match="somebody else changed"):
        file.replace(KeyRing((draw_key(),)), KeyRing((draw_key(),)))
    found = file.read()
    assert found is not None
    assert found.names == first.names


def test_a_write_that_was_cut_short_does_no_harm(file: KeyFile, tmp_path: Path) -> None:
    first = KeyRing((draw_key(),))
    file.replace(None, first)
    (tmp_path / "vault.key.new").write_text("half a k")
    file.replace(first, first.begin_with(draw_key()))
    found = file.read()
    assert found is not None
    assert found.names[1:] == first.names


def test_a_key_that_was_replaced_seals_nothing_more_and_still_opens(file: KeyFile) -> None:
    box = VaultBox(file)
    old = box.seal(Secret("hush"), PLACE)
    ring = file.read()
    assert ring is not None
    file.replace(ring, ring.begin_with(new := draw_key()))
    fresh = box.seal(Secret("hush"), PLACE)
    assert fresh[1:9] == new.key_id
    assert [box.open(one, PLACE).reveal() for one in (old, fresh)] == ["hush", "hush"]


def test_a_running_box_finds_a_key_that_came_later(file: KeyFile) -> None:
    server, command = VaultBox(file), VaultBox(file)
    server.open(command.seal(Secret("one"), PLACE), PLACE)
    ring = file.read()
    assert ring is not None
    file.replace(ring, ring.begin_with(draw_key()))
    assert server.open(command.seal(Secret("two"), PLACE), PLACE).reveal() == "two"


def test_without_a_place_for_keys_nothing_is_sealed_and_none_is_made_up() -> None:
    with pytest.raises(VaultError, match="no key yet: set FAIRLEAD_VAULT_KEY_FILE"):
        VaultBox(NoKeys()).seal(Secret("hush"), PLACE)


def test_keys_that_are_given_are_not_changed_by_us() -> None:
    key = draw_key()
    source = GivenKeys(key.write(), "environment FAIRLEAD_VAULT_KEY")
    assert VaultBox(source).seal(Secret("hush"), PLACE)[1:9] == key.key_id
    with pytest.raises(VaultError, match="come from environment FAIRLEAD_VAULT_KEY"):
        source.replace(source.read(), KeyRing((draw_key(),)))


def test_a_lost_key_is_named(tmp_path: Path) -> None:
    sealed = VaultBox(write(tmp_path / "vault.key", key := draw_key())).seal(Secret("hush"), PLACE)
    (tmp_path / "vault.key").unlink()
    with pytest.raises(VaultError, match=f"needs vault key {key.name}, but there is no key in"):
        VaultBox(KeyFile(tmp_path / "vault.key")).open(sealed, PLACE)
