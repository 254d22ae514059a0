"""Paper accounts trade on recorded prices where a file of them is given."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.conftest import House
from tests.e2e.processes import Server, run

HEAD = "symbol,open_ms,open,high,low,close,volume\n"
MINUTE_MS = 60_000


def rows(symbol: str, price: str) -> str:
    return "".join(f"{symbol},{number * MINUTE_MS},{price},{price},{price},{price},1\n" for number in range(3))


def test_a_paper_order_fills_at_the_recorded_price(tmp_path: Path, furnished: tuple[Path, dict[str, str]]) -> None:
    source, hook = furnished
    data, file = tmp_path / "data", tmp_path / "prices.csv"
    shutil.copytree(source, data)
    file.write_text(HEAD + rows("BTC-USDT", "31415"))
    server = Server(data, FAIRLEAD_MARKET_PRICES=str(file))
    with server.running():
        house = House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")
        status, answer = server.post(house.hook_path, house.alert(qty="0.001"))
        assert (status, answer["successful"]) == (200, 2), answer
    story = run("explain", answer["requestId"], data=data).stdout
    prices = {Decimal(price.replace(",", "")) for price in re.findall(r"FILLED \S+ BTC at ([\d.,]+\d)", story)}
    assert prices, story
    assert all(abs(price / 31_415 - 1) < Decimal("0.002") for price in prices)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEAD + rows("NO-SUCH", "1"), "prices are given for NO-SUCH, which is not listed"),
        (HEAD, "has no candles"),
        (HEAD + "BTC-USDT,0,1,1,2,1,1\n", "row 1: low 2"),
        (None, "cannot read"),
    ],
)
def test_a_file_that_tells_no_prices_is_named_before_anything_starts(
    tmp_path: Path, furnished: tuple[Path, dict[str, str]], content: str | None, said: str
) -> None:
    data, file = tmp_path / "data", tmp_path / "prices.csv"
    shutil.copytree(furnished[0], data)
    if content is not None:
        file.write_text(content)
    done = run("serve", "--port", "0", data=data, fails=True, FAIRLEAD_MARKET_PRICES=str(file))
    assert done.returncode != 0
    assert f"market_prices: {said}" in done.stderr.replace(f"{file}: ", "").replace(f"{file} ", "").replace("\n", " ")
