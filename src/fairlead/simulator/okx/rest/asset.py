"""The funding account, which this exchange does not have: its currencies, and nothing in it (OKX API v5)."""

from __future__ import annotations

from typing import Any, Final

from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_rows
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.windows import RateLimit, Scope

CURRENCIES_ASKED_MAX: Final = 20
_SECOND_MS: Final = 1_000


def _currencies(call: Call) -> Answer:
    listed: dict[str, None] = {}
    for instrument in call.venue.catalogue.all():
        for currency in (instrument.base_currency, instrument.quote_currency, instrument.settle_currency):
            listed.setdefault(currency)
    wanted = call.fields.names("ccy", CURRENCIES_ASKED_MAX) or tuple(listed)
    return answer_rows([_currency_row(currency) for currency in wanted if currency in listed])


def _currency_row(currency: str) -> dict[str, Any]:
    return {
        "burningFeeRate": "",
        "canDep": False,
        "canInternal": False,
        "canWd": False,
        "ccy": currency,
        "chain": f"{currency}-Simulated",
        "ctAddr": "",
        "depEstOpenTime": "",
        "depQuotaFixed": "",
        "depQuoteDailyLayer2": "",
        "fee": "0",
        "logoLink": "",
        "mainNet": True,
        "maxFee": "0",
        "maxFeeForCtAddr": "",
        "maxWd": "0",
        "minDep": "0",
        "minDepArrivalConfirm": "1",
        "minFee": "0",
        "minFeeForCtAddr": "",
        "minInternal": "0",
        "minWd": "0",
        "minWdUnlockConfirm": "1",
        "name": currency,
        "needTag": False,
        "usedDepQuotaFixed": "",
        "usedWdQuota": "0",
        "wdEstOpenTime": "",
        "wdQuota": "0",
        "wdTickSz": "8",
    }


def _nothing(call: Call) -> Answer:
    call.fields.names("ccy", CURRENCIES_ASKED_MAX)
    return answer_rows([])


def _get(path: str, handler: Handler) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/v5/asset/{path}",
        handler=handler,
        limit=RateLimit(f"asset/{path}", 6, Scope.USER, _SECOND_MS),
        permission=Permission.READ,
    )


ENDPOINTS: Final = (_get("currencies", _currencies), _get("balances", _nothing))
