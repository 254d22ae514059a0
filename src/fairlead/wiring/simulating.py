"""Runs the simulated exchange as a server of its own: the clock, the certificate, and the end."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from fairlead.clock import SystemClock, VirtualClock
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Candle
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.okx.admin_server import ADMIN_HOST, AdminServer
from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.keys import Member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.okx.venue import OkxOptions

CERTIFICATE_DAYS: Final = 30

VIRTUAL_START_MS: Final = 1_767_225_600_000
"""Where virtual time begins, 1 January 2026, so that a run repeats."""


class PublicAddressError(Exception):
    """It would listen where other machines can reach it, and nobody said that it may."""


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. ``admin_port`` None: there is none; ``is_virtual``: only the admin port moves the time."""

    host: str
    port: int
    members: Sequence[Member]
    seed: int
    tls: bool = False
    is_strict: bool = False
    allows_public: bool = False
    admin_port: int | None = None
    is_virtual: bool = False
    faults: Sequence[FaultRule] = ()
    instruments: Sequence[Instrument] = DEFAULT_INSTRUMENTS
    candles: Mapping[str, Sequence[Candle]] = {}


def run_simulation(plan: Simulation, announce: Callable[[dict[str, Any]], None]) -> None:
    """Run until SIGINT or SIGTERM; ``announce`` is told once where it listens.

    Raises:
        PublicAddressError: the address is not a loopback one, without TLS or permission.
        OSError: a port is taken or may not be used.
        PlanError: a fault is about nothing that this exchange has.
        ValueError: candles are no series, or of an instrument that is not listed.
    """
    if not (plan.tls or plan.allows_public or is_loopback(plan.host)):
        message = (
            f"{plan.host} can be reached by other machines, and keys would travel in clear: add --tls, or --public "
            "behind a firewall"
        )
        raise PublicAddressError(message)
    asyncio.run(_run(plan, announce))


async def _run(plan: Simulation, announce: Callable[[dict[str, Any]], None]) -> None:
    okx = _open(plan)
    admin = AdminServer(okx.admin)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    with ExitStack() as stack:
        certificate, context = None, None
        if plan.tls:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairlead-simulate-")))
            certificate, context = make_certificate(folder, plan.host)
        port = await okx.server.start(plan.host, plan.port, tls=context)
        try:
            ready = _ready(plan, port, certificate)
            if plan.admin_port is not None:
                ready["admin"] = f"http://{ADMIN_HOST}:{await admin.start(plan.admin_port)}"
            announce(ready)
            await ended.wait()
        finally:
            await admin.stop()
            await okx.server.stop()


def _open(plan: Simulation) -> OpenOkx:
    clock = VirtualClock(VIRTUAL_START_MS) if plan.is_virtual else SystemClock()
    options = OkxOptions(seed=plan.seed, is_strict=plan.is_strict)
    okx = OpenOkx(
        OkxPlan(
            members=plan.members,
            instruments=plan.instruments,
            options=options,
            faults=plan.faults,
            candles=plan.candles,
        ),
        clock,
    )
    if isinstance(clock, VirtualClock):
        okx.admin.advance = clock.run_ms
    return okx


def _ready(plan: Simulation, port: int, certificate: Path | None) -> dict[str, Any]:
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    secure = "s" if plan.tls else ""
    ready: dict[str, Any] = {"rest": f"http{secure}://{host}:{port}", "ws": f"ws{secure}://{host}:{port}/ws/v5"}
    if certificate is not None:
        ready["certificate"] = str(certificate)
    return ready | {"pid": os.getpid()}


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_certificate(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for one host; it and its key are in the folder as long as that lives."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fairlead simulate")])
    now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    if not is_loopback(host):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_file, key_file)
    return certificate_file, context
