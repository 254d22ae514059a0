"""Cash of an account as OKX writes it in Futures mode (``acctLv`` 2): per currency, with few totals."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fairlead.core.model.money import USD_CURRENCIES, ZERO, format_amount

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue
    from fairlead.simulator.views import BalanceView

_NOT_USED: Final = {
    "accAvgPx": "",
    "borrowFroz": "",
    "clSpotInUseAmt": "",
    "collateralEnabled": False,
    "collateralRestrict": False,
    "colBorrAutoConversion": "0",
    "crossLiab": "",
    "fixedBal": "0",
    "interest": "",
    "isoLiab": "",
    "liab": "",
    "maxLoan": "",
    "maxSpotInUseAmt": "",
    "openAvgPx": "",
    "rewardBal": "0",
    "smtSyncEq": "0",
    "spotBal": "",
    "spotCopyTradingEq": "0",
    "spotInUseAmt": "",
    "spotIsoBal": "0",
    "spotUpl": "",
    "spotUplRatio": "",
    "stgyEq": "0",
    "totalPnl": "",
    "totalPnlRatio": "",
    "twap": "0",
    "uplLiab": "",
}
_DECIMALS: Final = 16
_TOTALS_NOT_USED: Final = {
    "adjEq": "",
    "availEq": "",
    "borrowFroz": "",
    "delta": "",
    "deltaLever": "",
    "deltaNeutralStatus": "0",
    "imr": "",
    "mgnRatio": "",
    "mmr": "",
    "notionalUsd": "",
    "notionalUsdForBorrow": "",
    "notionalUsdForFutures": "",
    "notionalUsdForOption": "",
    "notionalUsdForSwap": "",
    "ordFroz": "",
    "upl": "",
}


def balance_row(venue: OkxVenue, account_id: str, currencies: Collection[str] = ()) -> dict[str, Any]:
    """The row of ``GET /account/balance``; a currency that is empty is left out unless it is asked for."""
    views = venue.exchange.accounts.balances(account_id)
    for currency in currencies:
        views.setdefault(currency, venue.exchange.accounts.balance(account_id, currency))
    shown = [
        view for name, view in views.items() if (name in currencies if currencies else bool(view.total or view.equity))
    ]
    total = sum((view.equity * usd_price(venue, view.currency) for view in views.values()), ZERO)
    isolated = sum((view.isolated_margin * usd_price(venue, view.currency) for view in views.values()), ZERO)
    now = str(venue.now_ms())
    return {
        **_TOTALS_NOT_USED,
        "details": [detail_row(venue, view, now) for view in shown],
        "isoEq": format_amount(isolated),
        "totalEq": format_amount(total),
        "uTime": now,
    }


def detail_row(venue: OkxVenue, view: BalanceView, at: str) -> dict[str, Any]:
    """One element of ``details``."""
    price = usd_price(venue, view.currency)
    used = view.cross_initial_margin
    ratio = "" if not view.cross_maintenance_margin else format_amount(view.equity / view.cross_maintenance_margin)
    amounts = {
        "availBal": view.available,
        "availEq": max(ZERO, view.available_margin),
        "cashBal": view.total,
        "coinUsdPrice": price,
        "disEq": view.equity * price,
        "eq": view.equity,
        "eqUsd": view.equity * price,
        "frozenBal": view.equity - view.available,
        "imr": used,
        "isoEq": view.isolated_margin,
        "isoUpl": ZERO,
        "mmr": view.cross_maintenance_margin,
        "notionalLever": ZERO,
        "ordFrozen": view.reserved,
        "upl": view.unrealized_pnl,
    }
    texts = {name: format_amount(_shortened(amount)) for name, amount in amounts.items()}
    return {**_NOT_USED, "ccy": view.currency, "mgnRatio": ratio, "uTime": at, **texts}


def usd_price(venue: OkxVenue, currency: str) -> Decimal:
    """What one unit is worth in USD by the spot market; 0 when there is none."""
    if currency in USD_CURRENCIES:
        return Decimal(1)
    symbol = f"{currency}-USDT"
    if venue.catalogue.find(symbol) is None:
        return ZERO
    return venue.exchange.markets.quote(symbol).last


def changed_row(venue: OkxVenue, account_id: str, currencies: Iterable[str]) -> dict[str, Any]:
    """The row of a push: totals, and only these currencies, also those that are empty now."""
    return balance_row(venue, account_id, tuple(currencies))


def _shortened(amount: Decimal) -> Decimal:
    # A quotient has more digits than any client wants to read.
    return round(amount, _DECIMALS)
