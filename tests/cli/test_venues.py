from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from fairlead.venues.ccxt import client

Run = Callable[..., Result]


def rows_of(result: Result) -> dict[str, dict[str, Any]]:
    return {row["exchange"]: row for row in json.loads(result.stdout)}


def test_every_exchange_is_listed_with_its_support(run: Run) -> None:
    rows = rows_of(run("venue", "list", "--json"))
    assert len(rows) > 100
    assert {name: rows[name]["support"] for name in ("okx", "binance", "kraken")} == {
        "okx": "tested",
        "binance": "askable",
        "kraken": "limited",
    }
    assert rows["okx"]["perpetuals"]
    assert rows["okx"]["sockets"]
    assert any(row["support"] == "unsupported" for row in rows.values())
    assert next(iter(rows)) == "okx"


def test_a_check_says_what_works_and_what_does_not(run: Run) -> None:
    text = run("venue", "check", "kraken").stdout
    assert "limited" in text
    assert "keys      apiKey, secret" in text
    assert "stays in doubt until you look it up there" in text
    found = json.loads(run("venue", "check", "okx", "--json").stdout)
    assert found["keys"] == ["apiKey", "secret", "password"]
    works = {one["topic"]: one["works"] for one in found["findings"]}
    assert (works["lost answers"], works["proof"], works["stops"]) == (True, False, False)


def test_what_cannot_be_followed_is_unsupported_and_named(run: Run) -> None:
    rows = rows_of(run("venue", "list", "--json"))
    name = next(name for name, row in rows.items() if row["support"] == "unsupported")
    result = run("venue", "check", name, code=1)
    assert "missing" in result.stdout
    assert "not supported" in result.stderr


def test_a_misspelled_exchange_is_answered_with_the_right_one(run: Run) -> None:
    assert "did you mean binance" in run("venue", "check", "binanse", code=1).stderr


def test_without_the_library_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.pro", None)
    assert client.ADVICE in run("venue", "list", code=1).stderr
