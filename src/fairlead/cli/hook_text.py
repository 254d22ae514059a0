"""Texts to paste: a curl line, and the message of a TradingView alert."""

from __future__ import annotations

import json
from typing import Final

_TRY: Final = {
    "exchange": "okx",
    "symbol": "BTC-USDT-SWAP",
    "type": "perps",
    "side": "buy",
    "qty": "10%",
    "marginMode": "cross",
    "leverage": "3",
}
# Every placeholder stands in quotes: one that renders as a word would make the text invalid JSON.
_TRADINGVIEW: Final = {
    "exchange": "okx",
    "symbol": "{{ticker}}",
    "type": "perps",
    "side": "{{strategy.order.action}}",
    "qty": "10%",
    "marginMode": "cross",
    "leverage": "2",
    "strategyId": "",
    "alertId": "{{strategy.order.id}}-{{timenow}}",
    "alertTime": "{{timenow}}",
    "maxLagSeconds": 60,
    "marketPosition": "{{strategy.market_position}}",
    "prevMarketPosition": "{{strategy.prev_market_position}}",
}


def hook_url(base_url: str, hook_id: str) -> str:
    """Where alerts for a hook go."""
    return f"{base_url}/hooks/{hook_id}"


def sample_alert(token: str) -> dict[str, str]:
    """An alert that buys a little Bitcoin on every account of the hook's target."""
    return {"authToken": token, **_TRY}


def curl_line(url: str, alert: dict[str, str]) -> str:
    """A command that sends an alert, ready to paste into a shell."""
    return f"curl -sS {url} -H 'Content-Type: application/json' -d '{json.dumps(alert)}'"


def tradingview_message(token: str, hook_name: str) -> str:
    """The text for the message box of a TradingView alert."""
    return json.dumps({"authToken": token, **_TRADINGVIEW, "strategyId": hook_name}, indent=1)
