"""docs/faults.md is complete: every kind has its row, with the parameters that it takes, and its example is a rule."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from fairlead.simulator.okx.admin import Admin
from fairlead.simulator.okx.faults.reading import FaultFile
from fairlead.simulator.okx.faults.rules import KINDS
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from tests.simulator.okx.okx_world import StillClock

DOCS = Path(__file__).parents[4] / "docs"
ROW = re.compile(r"^\| `(?P<kind>\w+)` \|(?P<cells>.*)\|$", re.MULTILINE)


def read_rows() -> dict[str, list[str]]:
    """The cells of each row of a table that begins with the name of a kind."""
    page = (DOCS / "faults.md").read_text(encoding="utf-8")
    return {found["kind"]: [cell.strip() for cell in found["cells"].split(" | ")] for found in ROW.finditer(page)}


def test_every_kind_of_fault_has_a_row_and_nothing_else_has() -> None:
    assert sorted(read_rows()) == sorted(kind.value for kind in KINDS)


def test_every_row_says_what_venue_client_and_fairlead_do_and_which_parameters_there_are() -> None:
    rows = read_rows()
    for kind, traits in KINDS.items():
        venue, client, fairlead, params = [*rows[kind.value], ""][:4]
        assert venue, kind
        assert client, kind
        assert fairlead, kind
        assert set(re.findall(r"`(\w+)`", params)) == traits.params, kind


def test_the_example_of_the_page_is_a_rule() -> None:
    page = (DOCS / "faults.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    (rule,) = msgspec.yaml.decode(example, type=FaultFile).faults
    assert (rule.after, rule.count, rule.probability) == (3, 5, 0.2)


def test_every_request_of_the_admin_port_is_on_the_page_of_the_simulator() -> None:
    page = (DOCS / "simulator.md").read_text(encoding="utf-8")
    admin: Admin = OpenOkx(OkxPlan(members=[]), StillClock()).admin
    for route in admin.routes:
        assert route.split()[1] in page, route
