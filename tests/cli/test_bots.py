from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

from fairlead.accounts.bot_presets import built_in_presets, to_settings
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.rules.bots.setting_checks import check_settings
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

Ask = Callable[..., Any]
Run = Callable[..., Result]

WHERE = ("--account", "main", "--symbol", "BTC-USDT")
SWAP = ("--account", "main", "--symbol", "BTC-USDT-SWAP")


@pytest.fixture(name="account", autouse=True)
def _account(alice: str, run: Run) -> None:
    run("account", "add", "main", "--balance", "USDT=10000")


def test_a_bot_is_shown_before_it_is_created_and_only_created_when_that_is_agreed(run: Run, ask: Ask) -> None:
    words = ("bot", "create", "dip", *WHERE, "--preset", "balanced", "--budget", "1000")
    refused = run(*words, typed="n\n", code=1)
    assert "worst case   999." in refused.stderr
    assert "safety 5" in refused.stderr
    assert ask("bot", "list") == []
    run(*words, typed="y\n")
    (row,) = ask("bot", "list")
    assert (row["name"], row["account"], row["symbol"], row["status"]) == ("dip", "main", "BTC-USDT", "starting")


def test_a_preview_stores_nothing_and_tells_a_program_everything(run: Run, ask: Ask, folder: Path) -> None:
    before = (folder / "fairlead.sqlite3").read_bytes()
    told = ask("bot", "preview", *WHERE, "--preset", "balanced")
    assert (folder / "fairlead.sqlite3").read_bytes() == before
    assert [level["slot"] for level in told["levels"]] == ["b", "s1", "s2", "s3", "s4", "s5"]
    assert Decimal(told["levels"][0]["price"]) == Decimal(told["price"])
    assert told["worst_case"]["currency"] == "USDT"
    assert Decimal(told["worst_case"]["capital"]) < Decimal(told["free"]) == 10_000
    assert told["findings"] == []


def test_a_budget_scales_every_size_and_keeps_the_shape(ask: Ask) -> None:
    small, large = (
        ask("bot", "preview", *WHERE, "--preset", "balanced", "--budget", budget) for budget in ("500", "5000")
    )
    for told, budget in ((small, 500), (large, 5_000)):
        assert budget * Decimal("0.99") < Decimal(told["worst_case"]["capital"]) <= budget
    assert [level["price"] for level in small["levels"]] == [level["price"] for level in large["levels"]]


@pytest.mark.parametrize("name", sorted(built_in_presets()))
def test_every_preset_makes_settings_within_their_ranges(name: str) -> None:
    instrument = next(one for one in DEFAULT_INSTRUMENTS if one.symbol == "BTC-USDT")
    preset = built_in_presets()[name]
    settings = to_settings(preset.values(Decimal(60_000), instrument))
    assert check_settings(settings) == ()
    assert preset.about.endswith(".")
    if isinstance(settings, GridSettings):
        assert settings.lower < 60_000 < settings.upper


@pytest.mark.parametrize("name", [name for name, one in built_in_presets().items() if one.range is None])
def test_every_preset_of_a_ladder_runs_on_a_new_account(name: str, ask: Ask) -> None:
    where = SWAP if name.startswith("short") else WHERE
    told = ask("bot", "preview", *where, "--preset", name, "--budget", "2000")
    assert not [one for one in told["findings"] if one["refuses"]], told["findings"]


def test_fields_go_over_a_file_and_a_file_over_a_preset(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "dip.toml"
    path.write_text('step = 2.5\nbase_order = { amount = 50, unit = "quote" }\n', encoding="utf-8")
    words = ("bot", "preview", *WHERE, "--preset", "balanced", "--file", str(path))
    settings = ask(*words, "--set", "safety_order=70 quote", "--set", "stop_loss.percent=20")["settings"]
    assert settings["step"] == "2.5"
    assert settings["base_order"] == {"amount": "50", "unit": "quote"}
    assert settings["safety_order"] == {"amount": "70", "unit": "quote"}
    assert settings["stop_loss"]["percent"] == "20"
    assert settings["volume_scale"] == "1.4"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "stepp=1"), "did you mean step?"),
        (("--set", "step"), "must be FIELD=VALUE"),
        (("--set", "step=much"), "$.step"),
        (("--preset", "balance"), "did you mean 'balanced'?"),
        (("--file", "nowhere.toml"), "nowhere.toml"),
        (("--preset", "balanced", "--budget", "-5"), "--budget -5: must be above 0"),
        ((), "--preset NAME, --file FILE or --set FIELD=VALUE"),
    ],
)
def test_what_makes_no_settings_is_a_usage_error(words: tuple[str, ...], told: str, run: Run) -> None:
    assert told in run("bot", "create", "dip", *WHERE, *words, "--yes", code=2).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "step=60"), "level 2 = 120 % away: must be less than 100 %"),
        (("--set", "step_scale=11"), "step_scale = 11: must be 0.1 to 10"),
        (("--set", "base_order=0.0001 quote"), "BTC-USDT takes at least 0.00001"),
        (("--set", "direction=short"), "which cannot be held short"),
        (("--set", 'stop_loss={percent=2, reference="base"}'), "which can never fill"),
        (("--set", "volume_scale=10"), "the worst case is above 10,000 = 10,000 USDT"),
    ],
)
def test_a_bot_that_makes_no_sense_is_refused_with_numbers(words: tuple[str, ...], told: str, run: Run) -> None:
    refused = run(
        "bot", "create", "dip", *WHERE, "--preset", "balanced", "--set", "step_scale=1", *words, "--yes", code=1
    )
    assert told in refused.stderr


def test_m15_bots_of_one_account_share_what_it_has_free(run: Run, ask: Ask) -> None:
    run("bot", "create", "first", *WHERE, "--preset", "balanced", "--budget", "6000", "--yes")
    words = ("bot", "create", "second", *WHERE, "--preset", "conservative", "--budget", "6000", "--yes")
    refused = run(*words, code=1).stderr
    assert "that other bots may take" in refused
    assert "--over-reserve" in refused
    run(*words, "--over-reserve")
    assert {row["name"] for row in ask("bot", "list")} == {"first", "second"}
    told = ask("bot", "preview", *WHERE, "--preset", "balanced", "--budget", "100")
    assert Decimal(told["by_others"]) > 11_000
    run("bot", "stop", "second")
    assert Decimal(ask("bot", "preview", *WHERE, "--preset", "balanced")["by_others"]) < 6_001


def test_an_order_that_risk_would_deny_is_told_before(run: Run, ask: Ask) -> None:
    run("account", "add", "careful", "--profile", "strict", "--balance", "USDT=1000")
    told = ask(
        "bot", "preview", "--account", "careful", "--symbol", "BTC-USDT", "--preset", "balanced", "--budget", "900"
    )
    (denied,) = [one for one in told["findings"] if one["field"] == "risk"]
    assert "would be denied now" in denied["rule"]


def test_a_bot_is_paused_told_things_duplicated_edited_stopped_and_removed(run: Run, ask: Ask) -> None:
    run("bot", "create", "dip", *WHERE, "--preset", "balanced", "--budget", "1000", "--yes")
    assert ask("bot", "pause", "dip")["wanted"] == "pause"
    assert ask("bot", "resume", "dip")["wanted"] == "run"
    assert ask("bot", "start", "dip")["number"] == 1
    assert ask("bot", "add-funds", "dip", "50 quote", "--yes")["number"] == 2
    assert "a unit" in run("bot", "add-funds", "dip", "50", "--yes", code=2).stderr
    ask("bot", "close-step", "dip", "--yes")
    ask("bot", "close", "dip", "--yes")
    twin = ask("bot", "duplicate", "dip", "dip-eth", "--symbol", "ETH-USDT", "--yes")
    assert (twin["name"], twin["symbol"]) == ("dip-eth", "ETH-USDT")
    edited = ask("bot", "edit", "dip", "--set", "step=2", "--yes")
    assert edited["preview"]["settings"]["step"] == "2"
    assert ask("bot", "preview", "dip")["settings"]["step"] == "2"
    run("bot", "stop", "dip", "--sell", typed="n\n", code=1)
    assert ask("bot", "stop", "dip")["wanted"] == "stop_and_keep"
    run("bot", "stop", "dip", "--sell", "--keep", code=2)
    ask("bot", "remove", "dip")
    assert [row["name"] for row in ask("bot", "list")] == ["dip-eth"]


def test_an_edit_of_settings_that_somebody_changed_meanwhile_is_refused(
    run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("bot", "create", "dip", *WHERE, "--preset", "balanced", "--budget", "1000", "--yes")

    def agree(*_: object, **__: object) -> bool:
        # While one person reads the question, another edits.
        run("bot", "edit", "dip", "--set", "step=3", "--yes")
        return True

    monkeypatch.setattr(typer, "confirm", agree)
    refused = run("bot", "edit", "dip", "--set", "step=2", code=1)
    assert "settings of version 2 by now" in refused.stderr
    assert ask("bot", "show", "dip")["settings"]["step"] == "3"


def test_a_bot_is_forgotten_with_what_it_may_hold_only_when_that_is_agreed(run: Run, ask: Ask) -> None:
    run("bot", "create", "dip", *WHERE, "--preset", "balanced", "--budget", "1000", "--yes")
    run("bot", "remove", "dip", "--keep", typed="n\n", code=1)
    assert [row["name"] for row in ask("bot", "list")] == ["dip"]
    run("bot", "remove", "dip", "--keep", typed="y\n")
    assert ask("bot", "list") == []


def test_newer_settings_may_count_at_once_where_a_running_deal_can_follow(run: Run, ask: Ask) -> None:
    run("bot", "create", "dip", *WHERE, "--preset", "balanced", "--budget", "1000", "--yes")
    edited = ask("bot", "edit", "dip", "--set", "step=2", "--now", "--yes")
    assert edited["preview"]["settings"]["step"] == "2"
    turned = ("--set", "direction=short", "--now", "--yes")
    run("bot", "create", "swap", *SWAP, "--preset", "balanced", "--budget", "1000", "--yes")
    assert "in the same direction" in run("bot", "edit", "swap", *turned, code=1).stderr
    run("bot", "create", "lines", *WHERE, "--preset", "grid-range", "--budget", "2000", "--set", "lines=10", "--yes")
    assert "only a martingale" in run("bot", "edit", "lines", "--set", "lines=12", "--now", "--yes", code=1).stderr


def test_a_bot_that_has_not_decided_yet_is_shown_with_what_it_may_take(run: Run, ask: Ask) -> None:
    run("bot", "create", "dip", *WHERE, "--preset", "balanced", "--budget", "1000", "--yes")
    (row,) = ask("bot", "list")
    assert row["reserved"].startswith("999.")
    shown = ask("bot", "show", "dip")
    assert shown["ladder"] == []
    assert len(shown["to_come"]) == 6
    assert shown["decisions"] == []
    assert ask("bot", "history", "dip") == []
    assert "none yet" in run("bot", "show", "dip").stdout
    run("bot", "stop", "dip")
    assert ask("bot", "list")[0]["reserved"] == ""
    stopped = ask("bot", "show", "dip")
    assert (stopped["to_come"], stopped["worst_case"]) == ([], None)


def test_presets_are_listed_for_people_and_programs(run: Run, ask: Ask) -> None:
    assert "balanced" in run("bot", "presets").stdout
    told = {one["name"]: one for one in ask("bot", "presets")}
    assert told["balanced"]["settings"]["step"] == "1.5"
