"""Instruments and prices of one's own: read from files, listed and replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fairlead.core.model.instrument import InstrumentKind, InstrumentState
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.okx.instrument_file import InstrumentFileError, read_instruments
from fairlead.simulator.okx.keys import parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.price_file import PriceFileError, read_prices
from tests.simulator.okx.okx_world import START_MS, OkxWorld, StillClock

CSV = (
    "symbol,open_ms,open,high,low,close,volume\n"
    "BTC-USDT,1000000,40000,40100,39900,40050,1\n"
    "BTC-USDT,1060000,40050,42000,40000,41000,\n"
)
Write = Callable[[str, str], Path]


@pytest.fixture(name="write")
def _write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def rows() -> list[dict[str, Any]]:
    """What our own exchange answers about its instruments."""
    world = OkxWorld()
    return [row for kind in ("SPOT", "SWAP") for row in world.get("/public/instruments", instType=kind)["data"]]


def test_what_we_answer_about_instruments_lists_the_same_instruments_again(write: Write) -> None:
    read = read_instruments(write("i.json", json.dumps({"code": "0", "msg": "", "data": rows()})))
    assert {one.symbol: one for one in read} == {one.symbol: one for one in DEFAULT_INSTRUMENTS}


def test_bare_rows_are_read_and_other_kinds_left_out(write: Write) -> None:
    listed = [*rows(), {"instType": "FUTURES", "instId": "BTC-USD-261225"}]
    assert len(read_instruments(write("i.json", json.dumps(listed)))) == len(rows())


def test_an_instrument_that_is_new_here_trades_from_the_price_of_its_coin(write: Write) -> None:
    row = next(row for row in rows() if row["instId"] == "BTC-USDT")
    known = write("i.json", json.dumps([row | {"instId": "BTC-USDC", "quoteCcy": "USDC", "state": "suspend"}]))
    (instrument,) = read_instruments(known)
    assert (instrument.kind, instrument.state) == (InstrumentKind.SPOT, InstrumentState.SUSPENDED)
    okx = OpenOkx(OkxPlan(members=[], instruments=[instrument]), StillClock())
    assert okx.exchange.markets.quote("BTC-USDC").last == 60_000


@pytest.mark.parametrize(
    ("change", "named"),
    [({"tickSz": ""}, "tickSz"), ({"lotSz": "x"}, "lotSz"), ({"minSz": "0"}, "minSz"), ({"ctVal": ""}, "ctVal")],
)
def test_a_row_that_cannot_be_is_refused_by_name(write: Write, change: dict[str, str], named: str) -> None:
    row = next(row for row in rows() if row["instId"] == "BTC-USDT-SWAP")
    with pytest.raises(InstrumentFileError, match=f"BTC-USDT-SWAP: {named}"):
        read_instruments(write("i.json", json.dumps([row | change])))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"data": [1]}'])
def test_what_lists_nothing_is_refused(write: Write, text: str) -> None:
    with pytest.raises(InstrumentFileError):
        read_instruments(write("i.json", text))


def test_recorded_prices_begin_when_the_exchange_opens(write: Write) -> None:
    clock = StillClock()
    okx = OpenOkx(OkxPlan(members=[parse_member("k:s:p")], candles=read_prices(write("p.csv", CSV))), clock)
    index = okx.exchange.markets.quote("BTC-USDT").last
    assert abs(index - 40_000) < 1
    clock.advance(60_000)
    okx.venue.advance()
    assert abs(okx.exchange.markets.quote("BTC-USDT").index - 40_050) < 1
    clock.advance(600_000)
    okx.venue.advance()
    assert okx.exchange.markets.quote("BTC-USDT").index == 41_000
    assert clock.now_ms() == START_MS + 660_000


def test_prices_of_what_is_not_listed_are_refused(write: Write) -> None:
    candles = read_prices(write("p.csv", CSV.replace("BTC-USDT", "NO-SUCH")))
    with pytest.raises(ValueError, match="NO-SUCH"):
        OpenOkx(OkxPlan(members=[], candles=candles), StillClock())


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("p.csv", "symbol,open_ms\nBTC-USDT,1\n", "open, high, low, close missing"),
        ("p.csv", CSV.replace("42000", "41"), "row 2: low"),
        ("p.csv", CSV.replace("42000", "much"), "row 2: not a plain decimal"),
        ("p.csv", "", "no candles"),
        ("p.txt", CSV, r"\.csv or \.parquet"),
    ],
)
def test_what_tells_no_prices_is_refused_with_the_row(write: Write, name: str, text: str, named: str) -> None:
    with pytest.raises(PriceFileError, match=named):
        read_prices(write(name, text))


def test_parquet_names_the_library_that_it_needs(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(PriceFileError, match="pyarrow"):
        read_prices(write("p.parquet", "PAR1"))


def test_volumes_are_read_where_they_are(write: Write) -> None:
    candles = read_prices(write("p.csv", CSV))["BTC-USDT"]
    assert [candle.volume for candle in candles] == [Decimal(1), Decimal(0)]
