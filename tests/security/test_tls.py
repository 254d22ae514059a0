"""https with a real certificate and a real client; and who may listen where others can reach."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import Receive, Scope, Send
from typer.testing import Result

from fairlead.settings import read_settings
from fairlead.web.server import WebServer
from fairlead.web.tls import TlsFiles, TlsFilesError, open_tls
from tests.web.site import Site

Run = Callable[..., Result]
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fairlead.test")])


def make_files(folder: Path, *, password: bytes | None = None) -> TlsFiles:
    """A certificate that signs itself, for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    files = TlsFiles(folder / "chain.pem", folder / "key.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    files.key.write_bytes(pem)
    files.key.chmod(0o600)
    return files


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> TlsFiles:
    return make_files(tmp_path / "tls")


def ask(port: int, context: ssl.SSLContext) -> tuple[int, dict[str, str]]:
    connection = HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


async def test_a_client_that_checks_the_certificate_is_served(files: TlsFiles, site: Site) -> None:
    server = WebServer(site.app, host="127.0.0.1", port=0, tls=files)
    await server.start()
    try:
        trusting = ssl.create_default_context(cafile=files.certificate)
        status, headers = await asyncio.to_thread(ask, server.port, trusting)
        assert status == 200
        assert headers["strict-transport-security"].startswith("max-age=")
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(ask, server.port, ssl.create_default_context())
        old = ssl.create_default_context(cafile=files.certificate)
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await asyncio.to_thread(ask, server.port, old))[0] == 200
        assert open_tls(files).minimum_version == ssl.TLSVersion.TLSv1_2
    finally:
        await server.stop()


async def test_plain_http_is_not_answered_where_https_is_spoken(files: TlsFiles) -> None:
    reached: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    server = WebServer(app, host="127.0.0.1", port=0, tls=files)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert b"HTTP" not in await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await server.stop()
    assert not reached


async def test_plain_answers_promise_no_https(site: Site) -> None:
    assert "strict-transport-security" not in (await site.call("GET", "/health")).headers


@pytest.mark.parametrize("what", ["missing", "open", "other", "rubbish", "locked"])
def test_files_that_cannot_be_used_stop_the_start_with_a_sentence(
    what: str, files: TlsFiles, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = {
        "missing": "cannot be read",
        "open": "everybody may read the private key",
        "other": "KEY_VALUES_MISMATCH",
        "rubbish": "cannot be used",
        "locked": "locked with a password",
    }[what]
    match what:
        case "missing":
            files.key.unlink()
        case "open":
            files.key.chmod(0o644)
        case "other":
            files = TlsFiles(files.certificate, make_files(tmp_path / "other").key)
        case "rubbish":
            files.certificate.write_text("no certificate")
        case _:
            files = make_files(tmp_path / "locked", password=b"hush")
    with pytest.raises(TlsFilesError, match=part):
        open_tls(files)
    monkeypatch.setenv("FAIRLEAD_TLS_CERTIFICATE_FILE", str(files.certificate))
    monkeypatch.setenv("FAIRLEAD_TLS_KEY_FILE", str(files.key))
    assert part in run("serve", "--port", "0", code=1).stderr


# --- who may listen where


PUBLIC = [
    "0.0.0.0",
    "::",
    "0",
    "0.0",
    "[::]",
    "*",
    "192.0.2.1",
    "10.0.0.5",
    "172.16.0.9",
    "192.168.1.20",
    "169.254.1.1",
    "100.64.0.1",
    "2001:db8::1",
    "fe80::1",
    "fd00::1",
    "::ffff:0.0.0.0",
    "::ffff:192.0.2.1",
    "128.0.0.1",
    "127.0.0.1.example",
    "localhost.example",
    "fairlead.example",
    "2130706433",
    "127.1",
    "0x7f000001",
]


@pytest.mark.parametrize("host", [*PUBLIC, "", " 127.0.0.1"])
def test_a_public_address_needs_https_or_a_promise(
    host: str, folder: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = read_settings({"host": host, "data_dir": folder})
    assert refused.settings is None
    assert "FAIRLEAD_TLS_CERTIFICATE_FILE" in refused.problems[0]
    assert read_settings({"host": host, "data_dir": folder, "public_listen": True}).settings is not None
    monkeypatch.setenv("FAIRLEAD_TLS_CERTIFICATE_FILE", str(files.certificate))
    half = read_settings({"host": host, "data_dir": folder})
    assert "https needs both" in half.problems[0]
    monkeypatch.setenv("FAIRLEAD_TLS_KEY_FILE", str(files.key))
    allowed = read_settings({"host": host, "data_dir": folder}).settings
    assert allowed is not None
    assert allowed.base_url.startswith("https://")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_alone_needs_nothing(host: str, folder: Path) -> None:
    assert read_settings({"host": host, "data_dir": folder}).settings is not None


def test_a_server_does_not_listen_in_public_by_itself(run: Run) -> None:
    assert "can be reached from other machines" in run("serve", "--host", "0.0.0.0", "--port", "0", code=2).stderr


@pytest.mark.parametrize("url", ["http://bots.example:8081", "http://10.0.0.5", "http://[2001:db8::1]/x"])
def test_bot_tokens_travel_in_clear_only_on_this_machine_or_by_a_promise(url: str, folder: Path) -> None:
    refused = read_settings({"telegram_url": url, "data_dir": folder})
    assert "bot tokens would travel in clear" in refused.problems[0]
    assert read_settings({"telegram_url": url, "data_dir": folder, "notify_private_targets": True}).settings is not None
    for allowed in ("http://127.0.0.1:8081", "http://[::1]:8081", "http://localhost", "https://bots.example"):
        assert read_settings({"telegram_url": allowed, "data_dir": folder}).settings is not None
