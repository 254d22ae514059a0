"""Clients of others run within the tests here, and some of them change how Decimal rounds."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import localcontext

import pytest


@pytest.fixture(autouse=True)
def _own_arithmetic() -> Iterator[None]:
    with localcontext():
        yield
