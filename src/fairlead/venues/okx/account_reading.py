"""Reads an account as OKX has it now: cash, holdings, open orders."""

from __future__ import annotations

from typing import Final

from fairlead.core.model import reports as rp
from fairlead.core.model.money import ZERO
from fairlead.venues.okx import reports
from fairlead.venues.okx.market_rows import SWAP
from fairlead.venues.okx.outcomes import Answered, Failure, Lost, as_unknown
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import AlgoRow, BalanceRow, OrderRow, PositionRow, read_amount

PAGE: Final = 100
PAGES_MAX: Final = 45
"""OKX keeps at most 4000 pending orders of an account."""

ALGO_KINDS: Final = ("conditional,oco", "trigger", "move_order_stop")


async def read_account(rest: OkxRest, now_ms: int) -> rp.AccountReport | rp.Unknown:
    """Balances, positions and ids of open orders; an order that somebody else placed goes by OKX's number."""
    balance = await rest.get("account/balance", BalanceRow)
    if not isinstance(balance, Answered):
        return as_unknown(balance)
    # Futures and options are not traded here, and what is not known cannot be compared.
    held = await rest.get("account/positions", PositionRow, query={"instType": SWAP})
    if not isinstance(held, Answered):
        return as_unknown(held)
    orders = await list_open(rest)
    if not isinstance(orders, list):
        return as_unknown(orders)
    waiting = await list_waiting(rest)
    if not isinstance(waiting, list):
        return as_unknown(waiting)
    cash = {detail.ccy: read_amount(detail.cash_bal) for row in balance.rows for detail in row.details}
    return rp.AccountReport(
        balances={currency: total for currency, total in cash.items() if total},
        positions=tuple(reports.position(row) for row in held.rows if read_amount(row.pos) != ZERO),
        open_order_ids=(
            *(reports.order_id_of(rest.account_id, row) for row in orders),
            *(row.algo_cl_ord_id or row.algo_id for row in waiting),
        ),
        at_ms=now_ms,
        open_orders=tuple(reports.outside(rest.account_id, row) for row in orders if reports.is_adoptable(row)),
    )


async def list_open(rest: OkxRest) -> list[OrderRow] | Failure:
    """Orders in the book, newest first."""
    rows: list[OrderRow] = []
    for _ in range(PAGES_MAX):
        query = {"after": rows[-1].ord_id} if rows else {}
        reply = await rest.get("trade/orders-pending", OrderRow, query=query)
        if not isinstance(reply, Answered):
            return reply
        rows += reply.rows
        if len(reply.rows) < PAGE:
            return rows
    return Lost("OKX lists more open orders than are read")


async def list_waiting(rest: OkxRest) -> list[AlgoRow] | Failure:
    """Algo orders that wait for a price, newest first of each kind."""
    found: list[AlgoRow] = []
    for kind in ALGO_KINDS:
        rows: list[AlgoRow] = []
        for _ in range(PAGES_MAX):
            after = {"after": rows[-1].algo_id} if rows else {}
            reply = await rest.get("trade/orders-algo-pending", AlgoRow, query={"ordType": kind, **after})
            if not isinstance(reply, Answered):
                return reply
            rows += reply.rows
            if len(reply.rows) < PAGE:
                break
        found += rows
    return found
