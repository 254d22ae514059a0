"""The examples of docs/simulator.md and docs/faults.md work as they are pasted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.wire.okx_process import simulated

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
RUN_S = 50


@pytest.mark.slow
@pytest.mark.parametrize(("example", "printed"), [*zip(EXAMPLES, ["open\n1.0\n", "0\n1\n"], strict=True)])
def test_an_example_runs_as_pasted(example: str, printed: str) -> None:
    with simulated() as ready:
        pasted = example.replace("http://127.0.0.1:9000", ready["rest"])
        assert pasted != example
        done = subprocess.run(
            [sys.executable, "-c", pasted], check=False, capture_output=True, text=True, timeout=RUN_S
        )
    assert (done.stdout, done.returncode) == (printed, 0), done.stderr


@pytest.mark.slow
def test_the_rules_of_the_example_are_in_force(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    page = (PAGE.parent / "faults.md").read_text(encoding="utf-8")
    file.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    with (
        simulated("--faults", str(file), "--admin-port", "0") as ready,
        urllib.request.urlopen(f"{ready['admin']}/sim/faults", timeout=20) as answer,
    ):
        (state,) = json.load(answer)["faults"]
    assert (state["rule"]["id"], state["struck"]) == ("lose-some-answers", 0)
