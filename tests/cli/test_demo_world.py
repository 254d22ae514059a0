from __future__ import annotations

import asyncio
from pathlib import Path

from fairlead.cli.demo_world import EXPECTED, DemoWorld, build_demo_world
from fairlead.cli.records import ask_database, prepare_database
from fairlead.settings import Settings


def build(folder: Path) -> DemoWorld:
    settings = Settings(data_dir=folder)
    prepare_database(settings)
    return asyncio.run(ask_database(settings, build_demo_world))


def test_the_demo_has_three_accounts_in_one_group_and_a_hook_that_waits(folder: Path) -> None:
    world = build(folder)
    assert {account.label for account in world.accounts} == set(EXPECTED)
    assert [account.position_mode.value for account in world.accounts] == ["net", "long_short", "net"]
    assert [account.risk_profile for account in world.accounts] == ["paper", "paper", "strict"]
    assert (world.hook.target, world.hook.response_mode.value) == (world.group, "wait")


def test_a_second_run_finds_everything_and_draws_new_secrets(folder: Path) -> None:
    first, second = build(folder), build(folder)
    assert [account.account_id for account in first.accounts] == [account.account_id for account in second.accounts]
    assert first.hook.hook_id == second.hook.hook_id
    assert first.token != second.token
    assert first.password != second.password
