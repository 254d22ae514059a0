"""The API answers as it is described, whatever a caller sends: right, wrong, or nonsense."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from fairlead.web.description import describe_api
from tests.e2e.conftest import PASSWORD, House
from tests.e2e.processes import run_json
from tests.web.site import basic

pytestmark = pytest.mark.timeout(120)

EXAMPLES = 40
SEED = 4_711
ANSWER_S_MAX = 20
DESCRIPTION = describe_api()
OPERATIONS = [(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods]
HOOKS = [path for path, method in OPERATIONS if method == "post" and not path.startswith("/bot")]
# What a schema cannot say: a well-formed alert may name an instrument that nobody has, and an id may be of nothing.
NOT_SAID = ("positive_data_acceptance", "negative_data_rejection", "missing_required_header")
RIGHT = {"exchange": "okx", "symbol": "BTC-USDT", "type": "spot"}


def has_input(path: str, method: str) -> bool:
    return "parameters" in DESCRIPTION["paths"][path][method] or method == "post"


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_to_what_is_described_is_one_that_is_described(house: House, path: str, method: str) -> None:
    assert max(ask(house, path, method, GenerationMode.POSITIVE)) < 500


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if has_input(*one)])
def test_every_answer_to_what_is_not_described_is_one_that_is(house: House, path: str, method: str) -> None:
    assert max(ask(house, path, method, GenerationMode.NEGATIVE)) < 500


@pytest.mark.parametrize("path", HOOKS)
def test_alerts_that_name_an_instrument_are_taken_or_refused_as_described(house: House, path: str) -> None:
    seen = ask(house, path, "post", GenerationMode.POSITIVE, RIGHT)
    assert seen <= {200, 400, 401}
    # With the hook's own address and enough that is right, some become orders.
    _, answer = house.server.post(house.hook_path, house.alert())
    assert answer["successful"] == 2
    assert run_json("verify", data=house.data)["problems"] == []


def ask(house: House, path: str, method: str, mode: GenerationMode, right: dict[str, str] | None = None) -> set[int]:
    """Send what the schema makes, check each answer against it, and tell the statuses."""
    load_all_checks()
    # Bots are for users; whoever has a hook's token would be refused before anything is read.
    user = basic("olive", PASSWORD)["authorization"]
    caller = user if path.startswith("/bot") else f"Bearer {house.token}"
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method.upper()]
    excluded: list[Any] = [check for check in CHECKS.get_all() if check.__name__ in NOT_SAID]
    seen: set[int] = set()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        if right and isinstance(case.body, dict):
            case.body = {**case.body, **right}
        response = case.call_and_validate(
            base_url=house.server.url,
            headers={"Authorization": caller},
            excluded_checks=excluded,
            timeout=ANSWER_S_MAX,
        )
        seen.add(response.status_code)

    send()
    assert "Traceback" not in house.server.log_path.read_text()
    return seen
