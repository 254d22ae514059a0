"""Where OKX answers: one site for each region, live and demo."""

from __future__ import annotations

from typing import Final

import msgspec


class OkxSite(msgspec.Struct, frozen=True, kw_only=True):
    """One place to talk to. ``socket_url`` ends before ``/public``, ``/private`` and ``/business``.

    On the demo site every request says so in a header; live keys do not work there, nor demo keys elsewhere.
    """

    rest_url: str
    socket_url: str
    is_demo: bool = False


LIVE_SITES: Final = {
    "global": OkxSite(rest_url="https://openapi.okx.com", socket_url="wss://ws.okx.com:8443/ws/v5"),
    "us": OkxSite(rest_url="https://us.okx.com", socket_url="wss://wsus.okx.com:8443/ws/v5"),
    "eea": OkxSite(rest_url="https://eea.okx.com", socket_url="wss://wseea.okx.com:8443/ws/v5"),
}
"""By region. OKX names the REST hosts in its documentation; an operator may give other addresses."""

DEMO_SITES: Final = {
    "global": OkxSite(rest_url="https://openapi.okx.com", socket_url="wss://wspap.okx.com:8443/ws/v5", is_demo=True),
    "us": OkxSite(rest_url="https://us.okx.com", socket_url="wss://wsuspap.okx.com:8443/ws/v5", is_demo=True),
    "eea": OkxSite(rest_url="https://eea.okx.com", socket_url="wss://wseeapap.okx.com:8443/ws/v5", is_demo=True),
}
