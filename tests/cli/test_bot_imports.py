from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Ask = Callable[..., Any]
Run = Callable[..., Result]

FOLDER = Path(__file__).parent.parent / "data" / "bot_imports"
THREE_COMMAS, OKX = str(FOLDER / "3commas_dca.json"), str(FOLDER / "okx_dca.json")


@pytest.fixture(name="account", autouse=True)
def _account(alice: str, run: Run) -> None:
    run("account", "add", "main", "--balance", "USDT=10000")


def test_without_an_account_an_import_only_shows_what_the_bot_would_be(run: Run, ask: Ask) -> None:
    shown = run("bot", "import", THREE_COMMAS).stdout
    assert "Long BTC of 3commas on BTC-USDT" in shown
    assert 'volume_scale = "2.0"' in shown
    assert "a cycle begins with the signal 'start'" in shown
    assert "profile_color" in shown
    told = ask("bot", "import", OKX)
    assert (told["source"], told["symbol"]) == ("okx", "ETH-USDT")
    assert [one["field"] for one in told["left_out"]] == ["stopType", "algoId", "state"]
    assert ask("bot", "list") == []


def test_an_imported_bot_is_shown_with_what_it_lost_and_created_when_that_is_agreed(run: Run, ask: Ask) -> None:
    words = ("bot", "import", THREE_COMMAS, "--account", "main", "--name", "dip")
    refused = run(*words, typed="n\n", code=1).stderr
    assert "Not carried over as it was:" in refused
    assert "worst case" in refused
    assert ask("bot", "list") == []
    run(*words, "--set", 'start={type="now"}', "--budget", "1000", "--yes")
    (row,) = ask("bot", "list")
    assert (row["name"], row["account"], row["symbol"]) == ("dip", "main", "BTC-USDT")
    worst = ask("bot", "preview", "dip")["worst_case"]["capital"]
    assert Decimal(990) < Decimal(worst) <= 1_000


def test_a_bot_that_was_exported_is_created_again_as_it_was(run: Run, ask: Ask, tmp_path: Path) -> None:
    run("bot", "import", OKX, "--account", "main", "--yes")
    exported = run("bot", "export", "dcaEth").stdout
    path = tmp_path / "eth.json"
    path.write_text(exported, encoding="utf-8")
    run("bot", "create", "again", "--account", "main", "--symbol", "ETH-USDT", "--file", str(path), "--yes")
    assert json.loads(run("bot", "export", "again").stdout) == json.loads(exported)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.json",), "nowhere.json"),
        ((THREE_COMMAS, "--from", "okx"), "algoOrdType = missing: must be one of spot_dca"),
        ((THREE_COMMAS, "--from", "bitsgap"), "'bitsgap' is not known; known are 3commas, okx, pionex, predecessor"),
    ],
)
def test_what_is_no_bot_is_a_usage_error(words: tuple[str, ...], told: str, run: Run) -> None:
    assert told in run("bot", "import", *words, "--account", "main", code=2).stderr
