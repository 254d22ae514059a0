"""The import contracts of pyproject.toml can fail, and none of them has exceptions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.architecture.source_tree import ROOT

# Every part that a contract names, empty.
PARTS: Final = (
    "__init__ __main__ wiring worker clock ports settings cli/__init__ web/__init__ sources/__init__ sources/manual"
    " sources/webhook/__init__ orders/__init__ orders/submit orders/desk market/__init__ accounts/__init__"
    " vault/__init__ vault/opener notify venues/__init__ store/__init__ simulator/__init__ core/__init__ rules/__init__"
    " backtest/__init__ core/model/__init__ core/model/order core/rules/__init__ core/rules/account_book"
    " core/rules/matching core/rules/order_state core/rules/position_state core/rules/risk core/rules/sizing"
)

TRANSGRESSIONS: Final = {
    "arrows": {"clock": "import fairlead.orders"},
    "rules-know-the-nouns": {"core/model/order": "import fairlead.core.rules.risk"},
    "pure-core": {"core/rules/risk": "from time import time"},
    "one-door": {"cli/__init__": "import fairlead.venues"},
    "settings-stay-outside": {"web/__init__": "from fairlead.settings import Settings"},
    "sealed-vault": {"accounts/__init__": "import fairlead.vault"},
    "open-at-signing": {"cli/__init__": "import fairlead.vault.opener"},
    # However indirectly: the clock may ask for the time, orders may not ask the clock.
    "simulable-orders": {"clock": "import time", "orders/submit": "import fairlead.clock"},
    "independent-witness": {
        "simulator/__init__": "import fairlead.core.rules.matching",
        "core/rules/matching": "import fairlead.core.rules.order_state",
    },
    "sources-are-strangers": {"sources/manual": "import fairlead.sources.webhook"},
    "notifications-only-tell": {"notify": "import fairlead.orders"},
    "no-cycles": {"orders/submit": "import fairlead.orders.desk", "orders/desk": "import fairlead.orders.submit"},
}

RUN: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def _read_contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return contracts


def _build_package(folder: Path, lines: dict[str, str]) -> None:
    shutil.copy(ROOT / "pyproject.toml", folder)
    for module in PARTS.split():
        path = folder / "fairlead" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines.get(module, ""), encoding="utf-8")


def _check_imports(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    command = [sys.executable, "-c", RUN, "--no-logo", "--no-cache", *chosen]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_no_contract_has_exceptions() -> None:
    for contract in _read_contracts():
        exceptions = [key for key in contract if "ignore" in key or "skip" in key or key == "depth"]
        assert not exceptions, contract["id"]


def test_every_contract_has_a_transgression() -> None:
    assert {contract["id"] for contract in _read_contracts()} == set(TRANSGRESSIONS)


def test_an_innocent_package_keeps_every_contract(tmp_path: Path) -> None:
    _build_package(tmp_path, {"wiring": "import fairlead.venues, fairlead.settings"})
    check = _check_imports(tmp_path)
    assert check.returncode == 0, check.stdout + check.stderr
    assert f"{len(TRANSGRESSIONS)} kept, 0 broken" in check.stdout


@pytest.mark.parametrize("contract", TRANSGRESSIONS)
def test_a_transgression_breaks_its_contract(contract: str, tmp_path: Path) -> None:
    _build_package(tmp_path, TRANSGRESSIONS[contract])
    check = _check_imports(tmp_path, contract)
    assert check.returncode == 1, check.stdout + check.stderr
    assert "0 kept, 1 broken" in check.stdout


def test_a_new_folder_must_choose_its_place(tmp_path: Path) -> None:
    _build_package(tmp_path, {})
    (tmp_path / "fairlead" / "plugins.py").touch()
    check = _check_imports(tmp_path, "arrows")
    assert check.returncode == 1, check.stdout + check.stderr
