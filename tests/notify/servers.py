"""The other ends of the wires, on real loopback sockets: Telegram's Bot API, a webhook receiver, a mail server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PATIENCE_S = 20
TOKEN = "123456789:AAHsecretsecretsecretsecretsecret00"


class BotApi:
    """Speaks getMe and sendMessage; each entry of ``script`` decides one answer, after that all is well."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.script: deque[str] = deque()
        self.sent: list[dict[str, str]] = []
        self.tried: list[dict[str, str]] = []
        self.url = ""
        self.called = asyncio.Event()
        self._arrived = asyncio.Event()
        self.released = asyncio.Event()

    @property
    def texts(self) -> list[str]:
        return [call["text"] for call in self.sent]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[BotApi]:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._answer)
        async with _serving(app) as self.url:
            yield self
            self.released.set()

    async def wait_sent(self, count: int) -> list[str]:
        """Wait for this many messages; returns their texts."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.sent) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.texts

    def _keep(self, form: dict[str, str]) -> None:
        self.sent.append(form)
        self._arrived.set()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != self.token:
            return _refuse(401, "Unauthorized")
        form = {name: str(text) for name, text in (await request.post()).items()}
        if request.match_info["method"] == "getMe":
            return web.json_response({"ok": True, "result": {"id": 1, "is_bot": True, "first_name": "fairlead"}})
        self.tried.append(form)
        self.called.set()
        match self.script.popleft().split() if self.script else ["ok"]:
            case ["429", seconds]:
                return _refuse(429, "Too Many Requests", {"retry_after": int(seconds)})
            case ["400"]:
                return _refuse(400, f"Bad Request: chat not found for {self.token}")
            case ["403"]:
                return _refuse(403, "Forbidden: bot was blocked by the user")
            case ["500"]:
                return web.Response(status=500, text="<html>oops</html>")
            case ["hang"]:
                await self.released.wait()
                return web.Response(status=500)
            case ["kept", "hang"]:
                # The message is there, and whoever sent it never hears so.
                self._keep(form)
                await self.released.wait()
                return web.Response(status=500)
            case _:
                pass
        self._keep(form)
        chat = {"id": 1, "type": "private"}
        return web.json_response({"ok": True, "result": {"message_id": len(self.sent), "date": 0, "chat": chat}})


class Receiver:
    """Takes webhooks and checks what their documentation says about the signature."""

    def __init__(self, secret: str) -> None:
        self.secret = secret.encode()
        self.statuses: deque[int] = deque()
        self.headers: dict[str, str] = {}
        self.messages: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
        app = web.Application()
        app.router.add_post("/in", self._take)
        async with _serving(app, tls) as url:
            self.url = f"{url}/in"
            yield self

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        parts = dict(part.split("=", 1) for part in request.headers["X-Fairlead-Signature"].split(","))
        expected = hmac.new(self.secret, f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(expected, parts["v1"])
        status = self.statuses.popleft() if self.statuses else 200
        self.keys.append(request.headers["Idempotency-Key"])
        if status == 200:
            self.messages += json.loads(body)["messages"]
        return web.Response(status=status, headers=self.headers)


class MailServer:
    """A real SMTP server in this process; ``script`` holds answers to DATA."""

    def __init__(self) -> None:
        self.script: deque[str] = deque()
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[MailServer]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop, hostname="localhost"), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's
        if self.script:
            return self.script.popleft()
        raw = cast("bytes", envelope.content)
        self.raw.append(raw)
        self.mails.append(message_from_bytes(raw, policy=default))
        return "250 OK"


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that only its maker believes in."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "own.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _refuse(code: int, description: str, parameters: dict[str, int] | None = None) -> web.Response:
    body = {"ok": False, "error_code": code, "description": description}
    return web.json_response(body | ({"parameters": parameters} if parameters else {}), status=code)


@asynccontextmanager
async def _serving(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
