"""What is kept is for its owner alone: from the first byte, whatever the mask, and whatever was put in its place."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import Result

from fairlead.observing.logs import LogFileError, LogPlan, logging_to
from fairlead.observing.rotating_file import RotatingFile
from fairlead.store.folder_lock import FolderLock
from fairlead.store.latch_file import LatchFile
from fairlead.store.private_files import (
    NotPrivateError,
    make_private_folder,
    open_private_file,
    write_private_file,
)
from fairlead.store.sqlite_file import make_private_file

Run = Callable[..., Result]
PLAIN = "somebody else's"


@contextmanager
def mask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("value", [0o000, 0o022, 0o077, 0o377])
def test_whatever_the_mask_files_are_private_from_the_first_byte(value: int, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with mask(value):
        make_private_folder(folder)
        write_private_file(folder / "fairlead.note", b"hush")
        os.close(open_private_file(folder / "fairlead.lock", os.O_RDWR))
    assert mode_of(folder) == 0o700
    assert {mode_of(path) for path in folder.iterdir()} == {0o600}


def test_everything_that_commands_keep_is_private(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_LOG_FILE", str(folder / "logs" / "fairlead.log"))
    with mask(0):
        run("user", "add", "alice", "--generate")
        run("account", "add", "main")
        run("account", "key", "set", "main", "--stdin", typed="key\nsecret\nphrase\n")
        run("kill", "platform")
        with logging_to(LogPlan(file=folder / "logs" / "fairlead.log")), FolderLock(folder):
            pass
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in found} >= {
        "fairlead.sqlite3",
        "vault.key",
        "latches.json",
        "latches.lock",
        "fairlead.lock",
        "fairlead.log",
    }
    assert {path.name: mode_of(path) for path in found if mode_of(path) != 0o600} == {}
    assert {mode_of(path) for path in (folder, folder / "logs")} == {0o700}


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777])
def test_a_folder_that_is_ours_is_closed_to_others(mode: int, run: Run, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(mode)
    run("user", "add", "alice", "--generate")
    assert mode_of(folder) == 0o700
    folder.chmod(mode)
    (folder / "fairlead.sqlite3").chmod(0o644)
    run("user", "add", "bob", "--generate")
    assert mode_of(folder) == 0o700
    assert {mode_of(path) for path in folder.iterdir()} == {0o600}


def test_a_folder_with_other_things_in_it_is_left_alone_and_refused_if_others_may_write(run: Run, folder: Path) -> None:
    folder.mkdir()
    (folder / "letters").mkdir()
    folder.chmod(0o777)
    refused = run("user", "add", "alice", "--generate", code=2)
    assert f"others may write in {folder} (mode 0777): name a folder of your own, or run chmod 700" in refused.stderr
    assert [path.name for path in folder.iterdir()] == ["letters"]
    folder.chmod(0o755)
    run("user", "add", "alice", "--generate")
    assert mode_of(folder) == 0o755
    assert mode_of(folder / "fairlead.sqlite3") == 0o600


def test_a_folder_that_everybody_shares_is_never_closed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(NotPrivateError, match="others may write"):
        make_private_folder(shared)
    assert mode_of(shared) == 0o1777


def test_a_kill_switch_is_not_kept_from_working_by_the_mode_of_a_folder(run: Run, folder: Path) -> None:
    folder.mkdir()
    (folder / "letters").mkdir()
    folder.chmod(0o777)
    run("kill", "platform")
    assert LatchFile(folder).read()


@pytest.mark.parametrize("name", ["fairlead.lock", "latches.lock", "fairlead.log"])
@pytest.mark.parametrize("trick", ["link", "second name"])
def test_what_somebody_put_in_the_place_of_a_file_is_not_written_to(name: str, trick: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    theirs = tmp_path / "theirs"
    theirs.write_text(PLAIN)
    theirs.chmod(0o644)
    if trick == "link":
        (folder / name).symlink_to(theirs)
    else:
        (folder / name).hardlink_to(theirs)
    with pytest.raises(OSError, match=r"is a link|has another name"):
        open_like(name, folder)
    assert theirs.read_text() == PLAIN
    assert mode_of(theirs) == 0o644


def open_like(name: str, folder: Path) -> None:
    match name:
        case "fairlead.lock":
            FolderLock(folder)
        case "latches.lock":
            LatchFile(folder).change(tuple)
        case _:
            RotatingFile(folder / name, bytes_max=1_000, files_max=2)


def test_a_link_in_the_place_of_the_log_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "fairlead.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LogFileError, match="is a link: remove it"), logging_to(LogPlan(file=tmp_path / "fairlead.log")):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("trick", ["link", "second name", "open to all"])
def test_a_file_that_is_written_anew_leaves_what_stood_there_alone(trick: str, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "latches.new"
    theirs.write_text(PLAIN)
    if trick == "link":
        ours.symlink_to(theirs)
    elif trick == "second name":
        ours.hardlink_to(theirs)
    else:
        ours.write_text("old")
        ours.chmod(0o666)
    write_private_file(ours, b"hush")
    assert theirs.read_text() == PLAIN
    assert (ours.read_bytes(), mode_of(ours), ours.is_symlink()) == (b"hush", 0o600, False)


def test_a_database_may_lie_elsewhere_behind_a_link(run: Run, folder: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    folder.mkdir(mode=0o700)
    (disk / "fairlead.sqlite3").touch(mode=0o644)
    (folder / "fairlead.sqlite3").symlink_to(disk / "fairlead.sqlite3")
    run("user", "add", "alice", "--generate")
    assert "alice" in run("user", "list").stdout
    assert {mode_of(path) for path in disk.iterdir()} == {0o600}


def test_an_old_log_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "fairlead.log"
    path.write_text("before\n")
    path.chmod(0o644)
    file = RotatingFile(path, bytes_max=10, files_max=2)
    file.write([b"one line\n", b"another\n"])
    file.close()
    assert {mode_of(found) for found in tmp_path.iterdir()} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act in the folder of another user")
def test_what_root_makes_in_the_folder_of_a_service_belongs_to_the_service(folder: Path) -> None:
    service = 12_345
    folder.mkdir(mode=0o700)
    os.chown(folder, service, service)
    LatchFile(folder).change(tuple)
    FolderLock(folder).release()
    make_private_file(folder / "fairlead.sqlite3")
    file = RotatingFile(folder / "fairlead.log", bytes_max=1_000, files_max=2)
    file.close()
    found = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()}
    assert len(found) == 5
    assert set(found.values()) == {(service, service)}


def test_a_settings_file_with_a_secret_that_others_may_read_is_refused(run: Run, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    file = folder / "fairlead.toml"
    file.write_text('port = 9000\nlog_level = "debug"\n')
    file.chmod(0o644)
    run("check-config")
    for line in (
        'metrics_token = "a-token-of-20-letters"\n',
        'database_url = "postgresql://ada:hush-hush@127.0.0.1/x"\n',
    ):
        file.write_text(line)
        refused = run("user", "list", code=2)
        assert f"others may read {file}, which holds {line.split()[0]}: run chmod 600" in refused.stderr
        assert "hush-hush" not in refused.output
        assert "of-20-letters" not in refused.output
    file.chmod(0o600)
    run("check-config")
