"""Rows of OKX as far as they are read: orders, algo orders, executions, cash, holdings, movements, settings.

Numbers stay text until they are used; what OKX leaves empty is "".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.money import AMOUNT_DECIMALS_MAX, ZERO, floor_to_decimals

_STEP: Final = Decimal(1).scaleb(-AMOUNT_DECIMALS_MAX)


class AttachedRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One element of ``attachAlgoOrds``: a stop and a take-profit that begin when their order fills."""

    attach_algo_id: str = ""
    attach_algo_cl_ord_id: str = ""
    tp_trigger_px: str = ""
    sl_trigger_px: str = ""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One order, in REST answers and in pushes; the fields of a fill are of the last one."""

    inst_type: str
    inst_id: str
    ord_id: str
    side: str
    state: str
    ord_type: str
    sz: str
    td_mode: str
    cl_ord_id: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    tag: str = ""
    pos_side: str = ""
    px: str = ""
    tgt_ccy: str = ""
    lever: str = ""
    reduce_only: str = ""
    acc_fill_sz: str = ""
    avg_px: str = ""
    fill_px: str = ""
    fill_sz: str = ""
    fill_time: str = ""
    trade_id: str = ""
    exec_type: str = ""
    fill_fee: str = ""
    fill_fee_ccy: str = ""
    fee: str = ""
    fee_ccy: str = ""
    category: str = ""
    cancel_source: str = ""
    cancel_source_reason: str = ""
    attach_algo_ords: tuple[AttachedRow, ...] = ()
    code: str = ""
    msg: str = ""
    c_time: str
    u_time: str


class AlgoRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One algo order: a stop, a take-profit or both, waiting at the exchange."""

    inst_type: str
    inst_id: str
    algo_id: str
    ord_type: str
    side: str
    state: str
    sz: str
    td_mode: str
    algo_cl_ord_id: str = ""
    ord_id: str = ""
    pos_side: str = ""
    tp_trigger_px: str = ""
    sl_trigger_px: str = ""
    trigger_px: str = ""
    ord_px: str = ""
    fail_code: str = ""
    c_time: str
    u_time: str = ""


class FillRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One execution."""

    inst_type: str
    inst_id: str
    trade_id: str
    ord_id: str
    bill_id: str
    fill_px: str
    fill_sz: str
    side: str
    exec_type: str
    fee_ccy: str
    fee: str
    ts: str
    cl_ord_id: str = ""
    pos_side: str = ""
    sub_type: str = ""
    fill_time: str = ""


class CashRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One currency of an account: ``cashBal`` is what is there, ``eq`` with the profit of what is open."""

    ccy: str
    cash_bal: str = ""
    eq: str = ""
    avail_bal: str = ""
    avail_eq: str = ""
    ord_frozen: str = ""
    u_time: str = ""


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An account's cash."""

    details: tuple[CashRow, ...] = ()
    total_eq: str = ""
    u_time: str = ""


class PositionRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One holding; ``pos`` is signed in net mode."""

    inst_type: str
    inst_id: str
    mgn_mode: str
    pos_id: str
    pos_side: str
    pos: str
    avg_px: str = ""
    lever: str = ""
    liq_px: str = ""
    u_time: str = ""


class BillRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One movement of cash."""

    bill_id: str
    ccy: str
    type: str
    bal_chg: str
    ts: str
    sub_type: str = ""
    inst_id: str = ""
    ord_id: str = ""
    trade_id: str = ""


class ConfigRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How an account is set up, and what its key may do from where."""

    acct_lv: str
    pos_mode: str
    perm: str = ""
    ip: str = ""
    uid: str = ""
    main_uid: str = ""
    label: str = ""
    kyc_lv: str = ""
    acct_stp_mode: str = ""


class LeverageRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A leverage setting."""

    lever: str
    mgn_mode: str
    inst_id: str = ""
    pos_side: str = ""


class CountdownRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The dead man's switch: when it acts, in seconds; 0 is off."""

    trigger_time: str
    tag: str = ""
    ts: str = ""


def read_amount(text: str) -> Decimal:
    """Read a number of OKX; empty is zero, and digits beyond the 18th decimal are cut off."""
    if not text:
        return ZERO
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -AMOUNT_DECIMALS_MAX:
        return floor_to_decimals(value, _STEP)
    return value


def read_price(text: str) -> Decimal | None:
    """Read a price; empty, zero and -1 (at market) are none."""
    value = read_amount(text)
    return value if value > ZERO else None


def read_moment(*texts: str) -> int:
    """The first moment that is there, in milliseconds."""
    return next((int(text) for text in texts if text not in {"", "0"}), 0)
