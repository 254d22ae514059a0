"""One process's way to one site of OKX: a shared HTTP session, OKX's clock, and the numbers of its instruments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from fairlead.ports import Clock
from fairlead.venues.okx.outcomes import Lost, NotSent
from fairlead.venues.okx.sites import OkxSite

CONNECT_TIMEOUT_S: Final = 5
ANSWER_TIMEOUT_S: Final = 10
QUESTION_TIMEOUT_S: Final = 4
"""What only asks is asked again, so it need not wait for as long as an order, of which a doubt would be left."""

CONNECTIONS_MAX: Final = 200
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
"""A list of all instruments is the longest message that OKX pushes."""

# Whoever does not answer our goodbye is not waited for.
_CLOSING: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
_DEMO_HEADER: Final = {"x-simulated-trading": "1"}
_JSON: Final = {"Content-Type": "application/json"}


class HttpAnswer(msgspec.Struct, frozen=True):
    """One answer as it came."""

    status: int
    body: bytes


class OkxConnection:
    """What all accounts at one site share."""

    def __init__(self, site: OkxSite, clock: Clock, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Prepare; ``open`` connects. What is not answered within ``answer_timeout_s`` may have been done or not."""
        self.site = site
        self.clock_offset_ms = 0
        """OKX's clock minus ours, as measured last."""
        self.codes: dict[str, int] = {}
        """``instIdCode`` by instrument: how orders over WebSocket name it."""
        self._clock = clock
        self._for_orders = _patience(answer_timeout_s)
        self._for_questions = _patience(min(answer_timeout_s, QUESTION_TIMEOUT_S))
        self._session: aiohttp.ClientSession | None = None

    @property
    def server_ms(self) -> int:
        """What OKX's clock shows now, UTC."""
        return self._clock.now_ms() + self.clock_offset_ms

    async def open(self) -> None:
        """Make the session; again is harmless."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                headers=_DEMO_HEADER if self.site.is_demo else None,
                timeout=self._for_orders,
                auto_decompress=True,
            )

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, method: str, target: str, *, body: str = "", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer | Lost | NotSent:
        """Send one request; ``target`` and ``body`` go out exactly as they are, because that is what was signed."""
        if self._session is None:
            return NotSent("the connection to OKX is not open")
        url = URL(f"{self.site.rest_url}{target}", encoded=True)
        try:
            async with self._session.request(
                method,
                url,
                data=body.encode() or None,
                headers={**_JSON, **(headers or {})},
                allow_redirects=False,
                timeout=self._for_questions if method == "GET" else self._for_orders,
            ) as answer:
                return HttpAnswer(answer.status, await answer.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NotSent(f"OKX could not be reached: {describe(error)}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Lost(f"no answer from OKX: {describe(error)}")

    async def open_socket(self, place: str) -> aiohttp.ClientWebSocketResponse | NotSent:
        """Connect one WebSocket; ``place`` is public, private or business."""
        if self._session is None:
            return NotSent("the connection to OKX is not open")
        try:
            return await self._session.ws_connect(
                f"{self.site.socket_url}/{place}", max_msg_size=FRAME_BYTES_MAX, timeout=_CLOSING
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NotSent(f"OKX's {place} socket could not be reached: {describe(error)}")


def _patience(answer_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=answer_s, connect=CONNECT_TIMEOUT_S)


def describe(error: BaseException) -> str:
    """Name an error, also one without a text."""
    return f"{type(error).__name__} {error}".strip()
