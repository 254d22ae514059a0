from __future__ import annotations

from decimal import ROUND_HALF_EVEN, getcontext, localcontext

import ccxt
import pytest

from fairlead.venues.ccxt.client import Apart, CcxtConnection, CcxtKeys, UnsupportedExchangeError, open_client


class Waiting:
    """A client that rounds as ccxt does, within a call that waits."""

    async def fetch_time(self) -> str:
        return str(ccxt.okx().decimal_to_precision("1.5", ccxt.ROUND, 0))


def test_ccxt_by_itself_changes_how_we_round() -> None:
    with localcontext() as ours:
        ccxt.okx().decimal_to_precision("1.5", ccxt.ROUND, 0)
        assert ours.rounding != ROUND_HALF_EVEN


async def test_what_ccxt_rounds_leaves_our_arithmetic_alone() -> None:
    client = open_client(CcxtConnection(exchange="okx"), lambda: CcxtKeys(fields={}))
    try:
        assert client.decimal_to_precision("1.5", ccxt.ROUND, 0) == "2"  # type: ignore[attr-defined]
        assert await Apart(Waiting()).fetch_time() == "2"
        assert getcontext().rounding == ROUND_HALF_EVEN
    finally:
        await client.close()


@pytest.mark.parametrize(
    "connection",
    [
        CcxtConnection(exchange="kraken", urls={"rest": "http://127.0.0.1:9"}),
        CcxtConnection(exchange="kraken", is_sandbox=True),
    ],
)
def test_what_was_to_go_elsewhere_never_goes_to_the_real_exchange(connection: CcxtConnection) -> None:
    with pytest.raises(UnsupportedExchangeError):
        open_client(connection, lambda: CcxtKeys(fields={}))
