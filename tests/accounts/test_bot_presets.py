from __future__ import annotations

import pytest

from fairlead.accounts.bot_presets import SettingsError, assign, to_settings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.bots.user_rule import RuleSettings


@pytest.mark.parametrize("text", ["take_profit=0.8", "take_profit=[{percent=0.8}]"])
def test_a_take_profit_of_one_step_may_be_a_number(text: str) -> None:
    settings = to_settings(assign({}, text))
    assert isinstance(settings, MartingaleSettings)
    assert [(str(step.percent), str(step.share)) for step in settings.take_profit] == [("0.8", "100")]


def test_a_take_profit_that_is_no_number_is_refused() -> None:
    with pytest.raises(SettingsError, match="take_profit"):
        to_settings(assign({}, "take_profit=true"))


def test_parameters_of_a_rule_may_be_numbers() -> None:
    values = assign(assign({"type": "rule", "rule": "mine:Mine"}, "parameters.fast=20"), "parameters.room=1.50")
    settings = to_settings(assign(values, "parameters.loud=true"))
    assert isinstance(settings, RuleSettings)
    assert settings.parameters == {"fast": "20", "room": "1.5", "loud": "true"}
