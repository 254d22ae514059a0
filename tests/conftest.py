"""What holds for every test; the fixtures of a feature live beside its tests.

Warnings are errors, the order is random (the seed is printed; `--randomly-seed=N` repeats it), nobody outside this
machine can be reached, and no test may take longer than a minute: pyproject.toml says all that. Those that start
processes have three.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_EVEN, getcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Verbosity, settings

from fairlead.core.model.money import PRECISION_DIGITS
from tests.servers import shared

# A slow machine is not a failed property, so no deadlines; pytest-timeout catches what hangs.
settings.register_profile("quick", max_examples=15, deadline=None)
settings.register_profile("dev", max_examples=40, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    # The same commit gets the same answer; a fresh window of examples is explored outside CI.
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("debug", max_examples=10, deadline=None, verbosity=Verbosity.verbose)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


# pytest-socket guards connections; this guards the questions to name servers that come before them.
LOCAL_HOSTS = frozenset({None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0"})


def _refuse_lookups(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
        if host not in LOCAL_HOSTS:
            raise RuntimeError(f"a test looked up {host}")


sys.addaudithook(_refuse_lookups)


@pytest.fixture(autouse=True)
def _money_stays_exact() -> Iterator[None]:
    """Whoever changes how Decimal rounds changes every sum after it."""
    yield
    context = getcontext()
    assert (context.rounding, context.prec) == (ROUND_HALF_EVEN, PRECISION_DIGITS)


_HERE = Path(__file__).parent
# What starts processes or runs whole commands.
PROCESSES = tuple(_HERE / name for name in ("crash", "e2e", "wire", "cli"))
# A start takes a second or two on a quiet machine, and twenty on one that is three times as busy as it can be.
PROCESS_S_MAX = 180
# Begun first, the longest in front: begun last, one of them would keep a single worker busy at the end.
FIRST = tuple(_HERE / name for name in ("crash", "simulation", "e2e", "wire", "cli"))


def pytest_xdist_auto_num_workers() -> int:
    """More workers than cores: a third of the time of this suite is spent waiting for processes and servers."""
    return math.ceil((os.cpu_count() or 1) * 1.5)


def pytest_itemcollected(item: pytest.Item) -> None:
    """What starts processes, commands or servers is for `make test`; `make check` must stay quick."""
    if _is_in(item, PROCESSES) or _needs_server(item):
        item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PROCESS_S_MAX))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put processes first: after the shuffle, and without changing it otherwise."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, folder in enumerate(FIRST) if folder in item.path.parents), len(FIRST))


def _is_in(item: pytest.Item, folders: Iterable[Path]) -> bool:
    return any(folder in item.path.parents for folder in folders)


def _needs_server(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and any(value in shared.KINDS for value in call.params.values() if isinstance(value, str))


def pytest_configure() -> None:
    """Let workers find the database servers of this run; none is started before a test needs it."""
    shared.announce()


def pytest_unconfigure() -> None:
    """End the servers that were started."""
    shared.withdraw()
