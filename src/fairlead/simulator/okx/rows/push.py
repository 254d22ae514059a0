"""Rows of private pushes: an order with what this update did, a fill by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.order import Liquidity
from fairlead.simulator.events import OrderAmended, OrderFilled
from fairlead.simulator.okx.moments import Moment, order_at
from fairlead.simulator.okx.rows.order import order_row

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue
    from fairlead.simulator.orders import Order

EXECUTION_TYPES: Final = {Liquidity.MAKER: "M", Liquidity.TAKER: "T"}

# Clients read these as numbers on every push, so that an empty text would stop them.
_NO_FILL: Final = {
    "fillPx": "",
    "fillSz": "0",
    "fillTime": "",
    "tradeId": "",
    "fillFee": "0",
    "fillFeeCcy": "",
    "fillPnl": "0",
    "fillNotionalUsd": "",
    "execType": "",
    "fillMarkPx": "",
    "fillIdxPx": "",
}
_UPDATE: Final = {
    "amendResult": "",
    "amendSource": "",
    "reqId": "",
    "code": "0",
    "msg": "",
    "fillPxVol": "",
    "fillPxUsd": "",
    "fillMarkVol": "",
    "fillFwdPx": "",
}


def push_row(venue: OkxVenue, order: Order, moment: Moment) -> dict[str, Any]:
    """The row of the orders channel for one fact."""
    instrument = venue.catalogue.find(order.symbol)
    assert instrument is not None
    quote = venue.exchange.markets.quote(order.symbol)
    row = order_row(order_at(order, moment, instrument), instrument, venue.notes.of(order.venue_order_id))
    price = order.limit_price or quote.last
    extra = {
        "lastPx": format_amount(quote.last),
        "notionalUsd": format_amount(instrument.notional_in_quote(order.target_quantity or ZERO, price)),
    }
    if isinstance(moment, OrderAmended):
        extra |= {"amendResult": "0", "reqId": venue.notes.of(order.venue_order_id).request_id}
    return {**row, **_UPDATE, **extra, **_fill(instrument, moment, quote)}


def _fill(instrument: Instrument, moment: Moment, quote: Quote) -> dict[str, str]:
    if not isinstance(moment, OrderFilled):
        return _NO_FILL
    return {
        "fillPx": format_amount(moment.price),
        "fillSz": format_amount(moment.quantity),
        "fillTime": str(moment.at_ms),
        "tradeId": moment.trade_id,
        "fillFee": format_amount(-moment.fee if moment.fee else ZERO),
        "fillFeeCcy": moment.fee_currency,
        "fillPnl": format_amount(moment.realized_pnl),
        "fillNotionalUsd": format_amount(instrument.notional_in_quote(moment.quantity, moment.price)),
        "execType": EXECUTION_TYPES[moment.liquidity],
        "fillMarkPx": "" if instrument.is_spot else format_amount(quote.mark),
        "fillIdxPx": format_amount(quote.index),
    }


def fill_push_row(moment: OrderFilled) -> dict[str, Any]:
    """The row of the fills channel; a client order id is shown only when it is a positive 64-bit number."""
    client_id = moment.client_order_id
    is_number = client_id.isascii() and client_id.isdigit() and 0 < int(client_id) < 2**63
    return {
        "instId": moment.symbol,
        "fillSz": format_amount(moment.quantity),
        "fillPx": format_amount(moment.price),
        "side": moment.side.value,
        "ts": str(moment.at_ms),
        "ordId": moment.venue_order_id,
        "clOrdId": client_id if is_number else "0",
        "tradeId": moment.trade_id,
        "execType": EXECUTION_TYPES[moment.liquidity],
        "count": "1",
    }
