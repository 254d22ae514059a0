"""The kill switches' own file: whole or not at all, and whoever cannot read it is stopped."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from fairlead.core.model.latch import Latch, LatchLevel, LatchScope
from fairlead.core.rules.latches import add_latch
from fairlead.store.latch_file import FAULT_ID, LatchFile, LatchFileError, LatchGate


def latch(name: str = "acc-1", level: LatchLevel = LatchLevel.STOP_NEW) -> Latch:
    return Latch(latch_id=f"latch-{name}", scope=LatchScope.ACCOUNT, name=name, level=level, by="a test", set_ms=1)


def put(file: LatchFile, *latches: Latch) -> None:
    def add(before: Sequence[Latch]) -> Sequence[Latch]:
        for one in latches:
            before = add_latch(before, one)
        return before

    file.change(add)


def test_what_another_process_sets_holds_at_the_next_look(tmp_path: Path) -> None:
    gate = LatchGate(LatchFile(tmp_path))
    assert gate.current() == ()

    other = multiprocessing.get_context("spawn").Process(target=put, args=(LatchFile(tmp_path), latch()))
    other.start()
    other.join()

    assert gate.current() == (latch(),)


def test_a_latch_outlives_the_process_that_set_it(tmp_path: Path) -> None:
    put(LatchFile(tmp_path), latch())

    assert LatchGate(LatchFile(tmp_path)).current() == (latch(),)


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "edited", "unreadable", "folder"])
def test_a_file_that_cannot_be_trusted_stops_everything(tmp_path: Path, damage: str) -> None:
    file = LatchFile(tmp_path)
    gate = LatchGate(file)
    put(file, latch())
    assert gate.current() == (latch(),)

    raw = file.path.read_bytes()
    file.path.unlink()
    if damage == "empty":
        file.path.touch()
    elif damage == "cut":
        file.path.write_bytes(raw[:-20])
    elif damage == "edited":
        file.path.write_bytes(raw.replace(b"acc-1", b"acc-2"))
    elif damage == "unreadable":
        file.path.write_bytes(b"\xff\xfe not json")
    elif damage == "folder":
        file.path.mkdir()

    (found,) = gate.current()
    assert (found.latch_id, found.scope, found.level) == (FAULT_ID, LatchScope.PLATFORM, LatchLevel.STOP_NEW)
    assert str(file.path) in found.text


def test_trading_goes_on_when_the_file_is_whole_again(tmp_path: Path) -> None:
    file = LatchFile(tmp_path)
    gate = LatchGate(file)
    file.path.write_bytes(b"{")
    assert gate.current()[0].latch_id == FAULT_ID

    file.rewrite([])

    assert gate.current() == ()


def test_a_damaged_file_is_not_written_over_by_a_change(tmp_path: Path) -> None:
    file = LatchFile(tmp_path)
    put(file, latch())
    file.path.write_bytes(b"{}")

    with pytest.raises(LatchFileError):
        put(file, latch("acc-2"))

    assert file.path.read_bytes() == b"{}"


def test_no_one_else_can_read_the_file(tmp_path: Path) -> None:
    file = LatchFile(tmp_path / "data")
    previous = os.umask(0)
    try:
        put(file, latch())
    finally:
        os.umask(previous)

    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def add_many(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        put(LatchFile(folder), latch(name))


@pytest.mark.slow
def test_processes_that_set_latches_at_once_lose_none(tmp_path: Path) -> None:
    names = [[f"acc-{process}-{number}" for number in range(10)] for process in range(4)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_many, args=(tmp_path, mine)) for mine in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert {one.name for one in LatchFile(tmp_path).read()} == {name for mine in names for name in mine}
