"""`fairlead account resume`: only what losses have stopped, and only with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from fairlead.core.model.latch import Latch, LatchLevel, LatchReason, LatchScope
from fairlead.store.latch_file import LatchFile

Run = Callable[..., Result]


def halt(folder: Path, account_id: str, reason: LatchReason) -> LatchFile:
    latch = Latch(
        latch_id="l1",
        scope=LatchScope.ACCOUNT,
        level=LatchLevel.CANCEL_OPEN,
        by="the loss ladder",
        set_ms=1,
        name=account_id,
        reason=reason,
    )
    file = LatchFile(folder)
    file.rewrite([latch])
    return file


def test_a_halt_is_marked_to_be_lifted_by_the_server(
    alice: str, folder: Path, ask: Callable[..., Any], run: Run
) -> None:
    account = ask("account", "add", "first", "--user", alice)
    file = halt(folder, account["id"], LatchReason.DRAWDOWN)

    said = run("account", "resume", "first", "--reason", "the stop was too wide")

    assert "the next start" in said.output
    assert [latch.clearing for latch in file.read()] == ["the stop was too wide"]


def test_what_a_person_stopped_is_not_resumed(alice: str, folder: Path, ask: Callable[..., Any], run: Run) -> None:
    account = ask("account", "add", "first", "--user", alice)
    file = halt(folder, account["id"], LatchReason.MANUAL)

    refused = run("account", "resume", "first", "--reason", "I want to", code=1)

    assert "not halted by its losses" in refused.output
    assert [latch.clearing for latch in file.read()] == [""]


def test_a_reason_is_needed(alice: str, run: Run) -> None:
    run("account", "add", "first", "--user", alice)
    assert "--reason" in run("account", "resume", "first", code=2).output
