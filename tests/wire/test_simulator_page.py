"""The examples of docs/simulator.md work as they are pasted."""

from __future__ import annotations

import re
import subprocess
import sys
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
