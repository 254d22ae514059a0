"""`fairlead simulate`: an exchange of one's own that speaks OKX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_json, tell

if TYPE_CHECKING:
    from fairlead.core.model.instrument import Instrument
    from fairlead.core.model.market import Candle
    from fairlead.simulator.okx.faults.rules import FaultRule
    from fairlead.simulator.okx.keys import Member

T = TypeVar("T")

DEFAULT_PORT: Final = 9000
RANDOM_PRICES: Final = "random"
PRETEND_MEMBER: Final = "demo-key:demo-secret:demo-passphrase:USDT=100000,BTC=2"

_KEYS_HELP: Final = (
    "An account and its key: KEY:SECRET:PASSPHRASE, and its cash as :USDT=100000,BTC=2; may be repeated "
    f"(default {PRETEND_MEMBER})."
)


class ClockKind(StrEnum):
    """Whose time it is."""

    REAL = "real"
    VIRTUAL = "virtual"


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """Where it listens, who may trade, and which world it is."""

    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = DEFAULT_PORT
    tls: Annotated[bool, typer.Option("--tls", help="Serve https and wss, with a certificate made for this run.")] = (
        False
    )
    account: Annotated[list[str] | None, typer.Option(metavar="TEXT", help=_KEYS_HELP)] = None
    seed: Annotated[int, typer.Option(help="The same seed moves prices the same way.")] = 7
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what OKX refuses, where this exchange is lenient by default.")
    ] = False
    admin_port: Annotated[
        int | None,
        typer.Option(help="Port on 127.0.0.1 for faults, time and books (docs/simulator.md); 0: a free one."),
    ] = None
    instruments: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is listed: an answer of OKX's public/instruments, as JSON."),
    ] = None
    prices: Annotated[
        str, typer.Option(metavar="random|FILE", help="By chance, or candles to replay: FILE.csv or FILE.parquet.")
    ] = RANDOM_PRICES
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What goes wrong: rules as YAML, TOML or JSON (docs/faults.md).")
    ] = None
    clock: Annotated[ClockKind, typer.Option(help="virtual: time stands still until the admin port moves it.")] = (
        ClockKind.REAL
    )
    public: Annotated[bool, typer.Option("--public", help="Allow an address that other machines can reach.")] = False


def add_simulate(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "simulate",
        "fairlead simulate",
        "fairlead simulate --port 0 --seed 42 --account k1:s1:p1:USDT=5000 --account k2:s2:p2",
        "fairlead simulate --faults faults.yaml --admin-port 9001      where things go wrong",
        "fairlead simulate --tls      for clients that speak https and wss only",
        "",
        "Then, with ccxt:",
        "  exchange = ccxt.okx({'apiKey': 'demo-key', 'secret': 'demo-secret', 'password': 'demo-passphrase'})",
        "  exchange.urls['api']['rest'] = 'http://127.0.0.1:9000'",
        "  print(exchange.create_order('BTC/USDT', 'limit', 'buy', 0.01, 50000))",
    )(simulate)


def simulate(options: SimulateOptions) -> None:
    """Run an exchange that speaks OKX's API v5 over HTTP and WebSocket, until Ctrl-C.

    Prices move by themselves, the same way for the same seed. Nothing is kept when it ends. The first line on stdout is
    one JSON object once it is ready: rest, ws, certificate (with --tls), pid and admin (with --admin-port).
    """
    from fairlead.wiring.simulating import PublicAddressError, Simulation, run_simulation

    members = [_read_member(text) for text in options.account or [PRETEND_MEMBER]]
    _check_names(members)
    plan = Simulation(
        host=options.host,
        port=options.port,
        tls=options.tls,
        members=tuple(members),
        seed=options.seed,
        is_strict=options.strict,
        allows_public=options.public,
        admin_port=options.admin_port,
        is_virtual=_is_virtual(options),
        faults=_read_faults(options.faults),
        instruments=_read_instruments(options.instruments),
        candles=_read_prices(options.prices),
    )
    try:
        run_simulation(plan, lambda ready: say_json(ready, one_line=True))
    except (PublicAddressError, ValueError) as error:
        raise StopError(str(error), EXIT_USAGE) from None
    except OSError as error:
        message = f"cannot listen on {options.host} port {options.port}: {error.strerror}; choose another --port"
        raise StopError(message) from None
    tell("Stopped. Nothing was kept.")


def _read_member(text: str) -> Member:
    from fairlead.simulator.okx.keys import parse_member

    try:
        return parse_member(text)
    except ValueError as error:
        raise StopError(f"--account: {error}", EXIT_USAGE) from None


def _is_virtual(options: SimulateOptions) -> bool:
    is_virtual = options.clock is ClockKind.VIRTUAL
    if is_virtual and options.admin_port is None:
        raise StopError("--clock virtual needs --admin-port: nobody else can move the time", EXIT_USAGE)
    return is_virtual


def _read_faults(file: Path | None) -> tuple[FaultRule, ...]:
    from fairlead.simulator.okx.faults.reading import read_rules_file

    return () if file is None else _read_file("--faults", read_rules_file, file)


def _read_instruments(file: Path | None) -> Sequence[Instrument]:
    from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
    from fairlead.simulator.okx.instrument_file import read_instruments

    return DEFAULT_INSTRUMENTS if file is None else _read_file("--instruments", read_instruments, file)


def _read_prices(text: str) -> dict[str, list[Candle]]:
    from fairlead.simulator.price_file import read_prices

    return {} if text == RANDOM_PRICES else _read_file("--prices", read_prices, Path(text))


def _read_file(option: str, read: Callable[[Path], T], file: Path) -> T:
    try:
        return read(file)
    except ValueError as error:
        raise StopError(f"{option}: {error}", EXIT_USAGE) from None
    except OSError as error:
        raise StopError(f"{option}: cannot read {file}: {error.strerror}", EXIT_USAGE) from None


def _check_names(members: Sequence[Member]) -> None:
    names = [member.key.key for member in members]
    for name in names:
        if names.count(name) > 1:
            raise StopError(f"--account: the key {name} is given twice", EXIT_USAGE)
