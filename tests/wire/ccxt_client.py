"""ccxt as it comes, told nothing but where the exchange is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def point_at(client: Any, ready: Mapping[str, str]) -> Any:  # noqa: ANN401  # ccxt has no types
    """Let a client of ccxt talk to our exchange, live or sandbox."""
    for place in ("api", "test"):
        client.urls[place] = {"rest": ready["rest"], "ws": ready["ws"]}
    return client


def credentials(name: str) -> dict[str, str]:
    """What opens the account of this name, as ccxt calls it."""
    return {"apiKey": name, "secret": f"{name}-secret", "password": f"{name}-phrase"}


def member(name: str, cash: str = "USDT=100000,BTC=2") -> tuple[str, str]:
    """The option that opens an account of this name."""
    return "--account", f"{name}:{name}-secret:{name}-phrase:{cash}"
