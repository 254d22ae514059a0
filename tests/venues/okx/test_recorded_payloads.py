"""Every payload that was recorded of OKX is read, and what is read of it is what stands there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from fairlead.core.model.instrument import InstrumentKind
from fairlead.core.model.reports import ReportBorn, ReportFill
from fairlead.venues.okx import market_rows, reports, rows
from fairlead.venues.okx.outcomes import Ack, Answered, read_answer
from fairlead.venues.okx.socket_line import Frame
from tests.architecture.source_tree import ROOT

RECORDED: Final = ROOT.parent / "shared" / "okx-fixtures"

READ: Final[dict[str, type[msgspec.Struct]]] = {
    "ccxt/create_order_ack.json": Ack,
    "cryptofeed/okx_instruments_SWAP_2022-05-13.json": market_rows.InstrumentRow,
    "nautilus/http_balance_detail_new_fields.json": rows.CashRow,
    "nautilus/http_get_account_balance.json": rows.BalanceRow,
    "nautilus/http_get_instruments_futures.json": market_rows.InstrumentRow,
    "nautilus/http_get_instruments_spot.json": market_rows.InstrumentRow,
    "nautilus/http_get_mark_price.json": market_rows.MarkRow,
    "nautilus/http_get_orders_algo_pending.json": rows.AlgoRow,
    "nautilus/http_get_orders_pending.json": rows.OrderRow,
    "nautilus/http_get_positions.json": rows.PositionRow,
    "nautilus/http_place_algo_order_response.json": Ack,
    "nautilus/http_place_order_response.json": Ack,
    "nautilus/http_transaction_detail.json": rows.FillRow,
    "nautilus/ws_account.json": rows.BalanceRow,
    "nautilus/ws_instruments.json": market_rows.InstrumentRow,
    "nautilus/ws_orders.json": rows.OrderRow,
    "nautilus/ws_orders_ioc.json": rows.OrderRow,
    "nautilus/ws_orders_liquidation.json": rows.OrderRow,
    "nautilus/ws_orders_trigger.json": rows.OrderRow,
    "nautilus/ws_tickers.json": market_rows.TickerRow,
    "okxnet/rest_CancelAllAfter.json": rows.CountdownRow,
    "okxnet/rest_CancelOrder.json": Ack,
    "okxnet/rest_GetAccountBalance.json": rows.BalanceRow,
    "okxnet/rest_GetAccountConfiguration.json": rows.ConfigRow,
    "okxnet/rest_GetAccountLeverage.json": rows.LeverageRow,
    "okxnet/rest_GetBillHistory.json": rows.BillRow,
    "okxnet/rest_GetFundingRates.json": market_rows.FundingRow,
    "okxnet/rest_GetIndexTickers.json": market_rows.IndexRow,
    "okxnet/rest_GetOrderDetails.json": rows.OrderRow,
    "okxnet/rest_GetPositionTiers.json": market_rows.TierRow,
    "okxnet/rest_GetTicker.json": market_rows.TickerRow,
    "okxnet/rest_GetUserTrades.json": rows.FillRow,
    "okxnet/rest_PlaceMultipleOrders.json": Ack,
    "okxnet/rest_SetAccountLeverage.json": rows.LeverageRow,
    "okxnet/ws_Balance.json": rows.BalanceRow,
    "okxnet/ws_FundingRate.json": market_rows.FundingRow,
    "okxnet/ws_MarkPrice.json": market_rows.MarkRow,
    "okxnet/ws_Order.json": rows.OrderRow,
    "okxnet/ws_Ticker.json": market_rows.TickerRow,
}

# What this venue never asks for; only the envelope around it is read.
NOT_ASKED_FOR: Final = {
    "cryptofeed/okcoin_public_2023-05-27_USDC-USDT.jsonl": "books, candles and tickers of another exchange",
    "cryptofeed/okx_public_2022-05-13_BTC-USDT.jsonl": "books and trades",
    "nautilus/http_get_candlesticks_full.json": "candles",
    "nautilus/http_get_funding_rate_history.json": "old funding rates",
    "nautilus/http_get_order_book.json": "books: quotes come from tickers",
    "nautilus/http_get_trade_fee_response.json": "fees stand in the account's settings",
    "nautilus/http_get_trades.json": "trades of others",
    "nautilus/ws_bbo_tbt.json": "books",
    "nautilus/ws_books_snapshot.json": "books",
    "nautilus/ws_candle.json": "candles",
    "okxnet/rest_ClosePosition.json": "a close is an approved order like any other",
    "okxnet/rest_GetAccountPositionRisk.json": "the account's own rows say it too",
    "okxnet/rest_GetMaximumAmount.json": "sizes are decided here",
    "okxnet/rest_GetServerTime.json": "read where the clock is measured",
    "okxnet/ws_BalanceAndPosition.json": "the channel of orders tells more",
}

# Fields that OKX has added since, or that the recorded algo order, a trigger, does not have.
NEWER: Final = {
    "Ack.subCode",
    "AlgoRow.failCode",
    "AlgoRow.slTriggerPx",
    "AlgoRow.tpTriggerPx",
    "InstrumentRow.instIdCode",
}

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded payloads are not part of the repository")


def messages(name: str) -> Iterator[dict[str, Any]]:
    """What OKX said in one file, without what was put around it."""
    text = (RECORDED / name).read_text(encoding="utf-8")
    if name.endswith(".jsonl"):
        yield from (json.loads(line)["msg"] for line in text.splitlines())
        return
    recorded = json.loads(text)
    if isinstance(recorded, list):
        yield from (one["message"] for one in recorded if one["from"] == "server")
    else:
        message = recorded.get("response", recorded)
        # Some are one row without its envelope.
        yield message if "data" in message else {"code": "0", "data": [message]}


def rows_of(name: str) -> list[dict[str, Any]]:
    return [row for message in messages(name) for row in message.get("data", [])]


def read(name: str, kind: type[msgspec.Struct]) -> list[Any]:
    return [msgspec.convert(row, kind) for row in rows_of(name)]


def test_every_recorded_file_is_read_or_said_not_to_be_asked_for() -> None:
    files = {str(path.relative_to(RECORDED)) for path in Path(RECORDED).rglob("*.json*")}
    assert files == READ.keys() | NOT_ASKED_FOR.keys()


@pytest.mark.parametrize("name", READ)
def test_what_is_read_of_a_row_is_what_stands_there(name: str) -> None:
    recorded = rows_of(name)
    assert recorded
    for row, found in zip(recorded, read(name, READ[name]), strict=True):
        _compare(row, msgspec.to_builtins(found))


def test_every_field_that_is_read_goes_by_the_name_that_okx_gives_it() -> None:
    recorded: dict[type[msgspec.Struct], set[str]] = {}
    for name, kind in READ.items():
        recorded.setdefault(kind, set()).update(*(row.keys() for row in rows_of(name)))
    foreign = {
        f"{kind.__name__}.{field.encode_name}"
        for kind, names in recorded.items()
        for field in msgspec.structs.fields(kind)
        if field.encode_name not in names
    }
    assert foreign == NEWER


def _compare(row: dict[str, Any], found: dict[str, Any]) -> None:
    for field in found.keys() & row.keys():
        if isinstance(row[field], list) and row[field] and isinstance(row[field][0], dict):
            for theirs, ours in zip(row[field], found[field], strict=True):
                _compare(theirs, ours)
        else:
            assert list(found[field]) == row[field] if isinstance(row[field], list) else found[field] == row[field]


@pytest.mark.parametrize("name", NOT_ASKED_FOR)
def test_the_envelope_of_everything_else_is_understood(name: str) -> None:
    for message in messages(name):
        body = msgspec.json.encode(message)
        if "code" in message and "event" not in message:
            assert isinstance(read_answer(200, body, msgspec.Raw), Answered)
        else:
            frame = msgspec.json.decode(body, type=Frame)
            assert frame.arg is not None or frame.event


def test_a_recorded_fill_keeps_every_digit() -> None:
    (row,) = read("okxnet/ws_Order.json", rows.OrderRow)
    fill = reports.pushed_fill("mine", row).fill
    assert (str(fill.price), str(fill.quantity), str(fill.fee)) == ("31527.1", "0.001", "0.02522168")
    assert (fill.trade_id, fill.fee_currency, fill.liquidity.value, fill.at_ms) == (
        "242589207",
        "USDT",
        "maker",
        1_654_084_353_263,
    )


def test_a_recorded_liquidation_is_an_order_of_the_venue() -> None:
    (row,) = read("nautilus/ws_orders_liquidation.json", rows.OrderRow)
    order_id = reports.order_id_of("a1", row)
    born = reports.opened(order_id, row)
    assert isinstance(born, ReportBorn)
    assert (born.origin, born.symbol, str(born.quantity), born.margin_mode.value) == (
        "liquidation",
        "BTC-USDT-SWAP",
        "0.5",
        "isolated",
    )
    assert reports.order_id_of("a1", row) == order_id != reports.order_id_of("a2", row)


def test_the_story_of_a_recorded_order_ends_with_its_last_fill() -> None:
    (order,) = read("okxnet/rest_GetOrderDetails.json", rows.OrderRow)
    fills = read("okxnet/rest_GetUserTrades.json", rows.FillRow)
    _, last = reports.whole_story("mine", order, fills)
    assert isinstance(last, ReportFill)
    assert (last.is_last, str(last.fill.fee), last.fill.fee_currency) == (True, "0.00000192834", "BTC")


def test_recorded_instruments_become_ours() -> None:
    found = [
        market_rows.read_instrument(row)
        for row in read("cryptofeed/okx_instruments_SWAP_2022-05-13.json", market_rows.InstrumentRow)
    ]
    listed = {instrument.symbol: instrument for instrument in found if instrument is not None}
    inverse = listed["BTC-USD-SWAP"]
    assert (inverse.kind, str(inverse.contract_value), inverse.settle_currency) == (
        InstrumentKind.INVERSE_PERPETUAL,
        "100",
        "BTC",
    )
    linear = listed["BTC-USDT-SWAP"]
    assert (linear.kind, linear.base_currency, linear.quote_currency, str(linear.tick_size)) == (
        InstrumentKind.LINEAR_PERPETUAL,
        "BTC",
        "USDT",
        "0.1",
    )
    futures = read("nautilus/http_get_instruments_futures.json", market_rows.InstrumentRow)
    assert [market_rows.read_instrument(row) for row in futures] == [None] * len(futures)
