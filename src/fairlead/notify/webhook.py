"""Outgoing webhooks: signed JSON to an address that somebody else runs, which is why it is looked at twice."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from fairlead.notify.addresses import is_public, read_literal
from fairlead.notify.courier import Style
from fairlead.notify.layout import zone_text
from fairlead.notify.message import Message, Parcel, mask_id
from fairlead.notify.outcome import Delivered, Failed, Outcome, Postponed, Refused
from fairlead.ports import Clock
from fairlead.store.queries.notifications import WebhookTarget

SIGNATURE_HEADER: Final = "X-Fairlead-Signature"
KEY_HEADER: Final = "Idempotency-Key"
DISTANCE_MS: Final = 100
MESSAGES_PER_CALL_MAX: Final = 100
CALL_S_MAX: Final = 15.0
CONNECT_S_MAX: Final = 5.0
WAIT_S_MAX: Final = 3_600
_MS_PER_SECOND: Final = 1_000
_WORTH_ANOTHER_TRY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class PrivateAddressError(OSError):
    """The name leads to an address that only this network can reach."""


class PublicResolver(AbstractResolver):
    """Looks names up and passes on only addresses that everybody can reach.

    It is asked by the connection itself, so a name that leads elsewhere the second time gains nothing.
    """

    def __init__(self) -> None:
        """Ask the system's resolver."""
        self._inner = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:  # noqa: ANN401
        """Look a name up.

        Raises:
            PrivateAddressError: one of its addresses is not public.
            OSError: it has none.
        """
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(result["host"]) for result in found):
            raise PrivateAddressError(f"{host} leads to a private address")
        return found

    async def close(self) -> None:
        """Let go of the system's resolver."""
        await self._inner.close()


class WebhookCourier:
    """Posts to one address: no redirects, no cookies, no environment, certificates checked."""

    def __init__(self, *, target: WebhookTarget, secret: str, style: Style, clock: Clock, allow_private: bool) -> None:
        """Prepare; nothing is connected yet. ``allow_private`` also allows plain HTTP."""
        self._url = target.url
        self._secret = secret.encode()
        self._style = style
        self._clock = clock
        self._allow_private = allow_private
        self._distances_ms = {f"webhook:{target.url}": DISTANCE_MS}
        self._session: aiohttp.ClientSession | None = None

    @property
    def distances_ms(self) -> Mapping[str, int]:
        """One lane for each address."""
        return self._distances_ms

    def count_fitting(self, parcels: Sequence[Parcel]) -> int:
        """As many as one call may carry."""
        return min(len(parcels), MESSAGES_PER_CALL_MAX)

    async def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Post one call."""
        refusal = find_url_flaw(self._url, allow_private=self._allow_private)
        if refusal:
            return Refused(reason=refusal)
        body = write_body(parcels, self._style)
        headers = {
            "Content-Type": "application/json",
            KEY_HEADER: call_key(parcels),
            SIGNATURE_HEADER: sign(self._secret, self._clock.now_ms() // _MS_PER_SECOND, body),
        }
        try:
            async with self._open().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                return _judge(answer.status, answer.headers.get("Retry-After", ""))
        except PrivateAddressError as error:
            return Refused(reason=f"{error}; FAIRLEAD_NOTIFY_PRIVATE_TARGETS=true allows it")
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, PrivateAddressError):
                return Refused(reason=f"{error.os_error}; FAIRLEAD_NOTIFY_PRIVATE_TARGETS=true allows it")
            return Failed(reason="the name of the address cannot be looked up")
        except TimeoutError:
            return Failed(reason=f"no answer within {CALL_S_MAX:g} s")
        except ssl.SSLCertVerificationError:
            return Refused(reason="the certificate of the address is not valid")
        except aiohttp.InvalidURL:
            return Refused(reason="the address is not a URL")
        except (aiohttp.ClientError, OSError) as error:
            # A URL may hold a token of its own, so only the kind of fault is told.
            return Failed(reason=f"the address cannot be reached ({type(error).__name__})")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"WebhookCourier({urlsplit(self._url).hostname!r})"

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=None if self._allow_private else PublicResolver(), limit=1)
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=CALL_S_MAX, sock_connect=CONNECT_S_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Fairlead"},
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


def find_url_flaw(url: str, *, allow_private: bool) -> str:
    """Say why messages do not go to this URL; empty when they may."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "the address is not a URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "the address must begin with https:// and name a host"
    if parts.username is not None or parts.password is not None:
        return "the address must not hold a name or password: the signature says who calls"
    if allow_private:
        return ""
    if parts.scheme != "https":
        return "the address must begin with https://; FAIRLEAD_NOTIFY_PRIVATE_TARGETS=true allows http"
    literal = read_literal(host)
    if literal is not None and not is_public(literal):
        return f"{host} is a private address; FAIRLEAD_NOTIFY_PRIVATE_TARGETS=true allows it"
    return ""


def write_body(parcels: Sequence[Parcel], style: Style) -> bytes:
    """The JSON of a call: a list, also for one message. Each has its own id, which is the same at every try."""
    return msgspec.json.encode({"messages": [_write(parcel, style) for parcel in parcels]})


def call_key(parcels: Sequence[Parcel]) -> str:
    """Key of a call, from the messages that it carries: the same messages make the same key."""
    if len(parcels) == 1:
        return parcels[0].message_id
    return hashlib.sha256("\n".join(parcel.message_id for parcel in parcels).encode()).hexdigest()


def sign(secret: bytes, at_s: int, body: bytes) -> str:
    """Sign a body together with its time, so that an old call cannot be played again."""
    digest = hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def _write(parcel: Parcel, style: Style) -> dict[str, Any]:
    message: Message = parcel.message
    return {
        "id": parcel.message_id,
        "kind": message.kind.value,
        "silent": parcel.is_silent,
        "mode": message.mode or "LIVE",
        "title": message.title,
        "headline": message.headline,
        "label": message.label,
        "counts": message.counts,
        "at_ms": message.at_ms,
        "time": zone_text(message.at_ms, style.zone),
        "details": {detail.name: detail.value for detail in message.details},
        "failures": [{"account": failure.account, "reason": failure.reason} for failure in message.failures],
        "notes": message.notes,
        "hint": message.hint,
        "subject": mask_id(message.explain_id),
        "explain_url": style.explain_url(message.explain_id),
    }


def _judge(status: int, retry_after: str) -> Outcome:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE} and retry_after.isdecimal():
        wait_s = min(int(retry_after), WAIT_S_MAX)
        return Postponed(wait_ms=wait_s * _MS_PER_SECOND, reason=f"the address answered {status}: wait {wait_s} s")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _WORTH_ANOTHER_TRY:
        return Failed(reason=f"the address answered {status}")
    redirect = "; redirects are not followed" if status < HTTPStatus.BAD_REQUEST else ""
    return Refused(reason=f"the address answered {status}{redirect}")
