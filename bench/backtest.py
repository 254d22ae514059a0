# ruff: noqa: INP001 (a script, not a package)
"""Measure backtests beside other engines: the same work on the same candles in one run, and the results compared.

Run it as ``.venv/bin/python bench/backtest.py [--quick] [--only ours] [--cache FOLDER] [WORKLOAD ...]``,
workloads being W1, W2, W3, W4, active and start, by default all. Each engine has an environment of its own below the
cache folder, outside of the repository, made when it is first needed, and runs in a process of its own. Seconds are of
the processor. The candles are made up from a seed: a year of minutes (``--quick``: a fifth of it).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from stage import CLOCK, CORES, describe_machine, say

from fairlead.market.candles.generate import YEAR_OF_MINUTES, generate_series
from fairlead.market.candles.series import CandleSeries

SEED: Final = 1
HERE: Final = Path(__file__).parent / "peers"
DEFAULT_CACHE: Final = Path.home() / ".cache" / "fairlead-bench"
WIDTH_MAX: Final = 0.0195
ROUNDS: Final = 3
SIZES: Final = (500_000, 1_000_000, 2_000_000, 5_256_000)
COMBINATIONS: Final = 1_000
TIMEOUT_S: Final = 1_800
CENT: Final = 0.005
WORKLOADS: Final = ("W1", "W2", "active", "W4", "W3", "start")


class Peer(NamedTuple):
    """An engine: what its environment needs, its script, and how many candles it is given at most (0: all)."""

    name: str
    packages: Sequence[str]
    script: str
    variant: str = ""
    candles_max: int = 0
    workloads: Sequence[str] = ("W1", "W2")
    is_fast: bool = False


FREQTRADE: Final = ("freqtrade==2026.9",)
OURS: Final = (
    Peer("Fairlead", (), "fairlead_peer.py", workloads=("W1", "W2", "active"), is_fast=True),
    Peer("Fairlead, no risk checks", (), "fairlead_peer.py", "unchecked", workloads=("W2", "active"), is_fast=True),
    Peer("Fairlead, without numba", (), "fairlead_peer.py", "without-numba", workloads=("W2",), is_fast=True),
)
SWEEP: Final = Peer("Fairlead", (), "fairlead_sweep.py", workloads=("W3",))
BOUNDS: Final = (
    Peer("plain Python loop", (), "bounds_peer.py", "plain", workloads=("W2", "active"), is_fast=True),
    Peer("numba loop", (), "bounds_peer.py", "compiled", workloads=("W2", "active"), is_fast=True),
)
PEERS: Final = (
    Peer(
        "vectorbt",
        ("vectorbt==1.2.0", "vectorbt-rust==1.2.0"),
        "vectorbt_peer.py",
        workloads=("W1", "W2", "active"),
        is_fast=True,
    ),
    Peer("backtesting", ("backtesting==0.6.6",), "backtesting_peer.py"),
    Peer("nautilus_trader", ("nautilus_trader==1.221.0",), "nautilus_peer.py"),
    Peer("freqtrade", FREQTRADE, "freqtrade_peer.py", workloads=("W1",)),
    Peer("freqtrade", FREQTRADE, "freqtrade_peer.py", candles_max=20_000, workloads=("W2",)),
)


class Line(NamedTuple):
    """What one engine said of one workload; ``asked`` is how many candles the table is about."""

    peer: Peer
    said: dict[str, Any]
    asked: int

    @property
    def seconds(self) -> float:
        """For all candles; extrapolated where it was given fewer."""
        return float(self.said["seconds"]) * self.asked / int(self.said["candles"])

    @property
    def is_extrapolated(self) -> bool:
        """Whether it was given fewer."""
        return int(self.said["candles"]) < self.asked


class Stage:
    """Candles on disk, and environments."""

    def __init__(self, folder: Path, cache: Path, *, only_ours: bool) -> None:
        """Nothing is made yet."""
        self.folder = folder
        self._cache = cache
        self.only_ours = only_ours

    def write_candles(self, series: CandleSeries) -> None:
        """Put the columns where every engine finds them, prices in USDT."""
        np.save(self.folder / "opened_ms.npy", series.opened_ms)
        for name in ("open", "high", "low", "close"):
            # A hundredth of a whole number is the nearest that a float has to the price.
            np.save(self.folder / f"{name}.npy", getattr(series, name) / 100)

    def python_of(self, peer: Peer) -> Path:
        """The interpreter that has this engine; its environment is made when it is not there."""
        if not peer.packages:
            return Path(sys.executable)
        folder = self._cache / peer.name
        python = folder / "bin" / "python"
        done = folder / "installed.txt"
        wanted = "\n".join(peer.packages)
        if not done.exists() or done.read_text() != wanted:
            say(f"installing {', '.join(peer.packages)} into {folder}")
            venv.create(folder, with_pip=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages]
            subprocess.run(command, check=True)  # noqa: S603
            done.write_text(wanted)
        return python

    def run(self, peer: Peer, workload: str, candles: int) -> Line | None:
        """Let an engine do the work; None when it could not, and why is said."""
        given = min(candles, peer.candles_max) if peer.candles_max else candles
        told = self.ask(peer, workload, given, peer.variant)
        return None if told is None else Line(peer, told, candles)

    def ask(self, peer: Peer, workload: str, candles: int, variant: str) -> dict[str, Any] | None:
        """Run an engine's script, and read what it says."""
        repeats = ROUNDS if peer.is_fast else 0
        task = (str(self.folder), workload, str(candles), str(repeats), variant)
        command = [str(self.python_of(peer)), str(HERE / peer.script), *task]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            say(f"  {peer.name}: not done after {TIMEOUT_S} s")
            return None
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            say(f"  {peer.name}: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")
            return None
        told: dict[str, Any] = json.loads(lines[-1])
        return told

    def engines(self, workload: str) -> Iterable[Peer]:
        """Who takes part."""
        everybody = OURS if self.only_ours else (*OURS, *PEERS, *BOUNDS)
        return (peer for peer in everybody if workload in peer.workloads)


def check_candles(series: CandleSeries) -> None:
    """The candles must be such that engines with different models within a candle agree."""
    widest = float(((series.high - series.low) / series.low).max())
    assert (series.open[1:] == series.close[:-1]).all(), "a candle does not open where the one before closed"
    assert widest <= WIDTH_MAX, f"a candle is {widest:.2%} high"
    say(
        f"{len(series):,} made-up candles, seed {SEED}, widest {widest:.2%}, prices in cents, no gap from close to open"
    )


def compare(stage: Stage, workload: str, candles: int) -> list[Line]:
    """Run everybody once, print the table, and say whose result is ours."""
    say(f"\n{workload}: {candles:,} candles")
    found = [stage.run(peer, workload, candles) for peer in stage.engines(workload)]
    lines = [line for line in found if line is not None]
    if not lines:
        return []
    first = next((line for line in lines if not line.is_extrapolated), lines[0])
    beside = next((line for line in lines if line.peer.name == "vectorbt"), None)
    say(f"  {'engine':<26}{'M bars/s':>10}{'CPU s':>9}{'us/fill':>9}{'x vectorbt':>11}{'start s':>9}{'MiB':>7}  result")
    for line in lines:
        fills = int(line.said["fills"])
        per_fill = 1e6 * float(line.said["seconds"]) / fills if fills else 0.0
        ratio = "" if beside is None else f"{beside.seconds / line.seconds:,.3g}"
        mark = " (extrapolated)" if line.is_extrapolated else ""
        rate = candles / line.seconds / 1e6
        say(
            f"  {line.peer.name:<26}{rate:>10.4g}{line.seconds:>9.4g}{per_fill:>9.1f}{ratio:>11}"
            f"{line.said['start_s']:>9.1f}{line.said['memory_mib']:>7.0f}  {_result(line, first)}{mark}"
        )
    return lines


def _result(line: Line, first: Line) -> str:
    said, other = line.said, first.said
    text = f"{said['fills']} fills, {said['cycles']} sales, fees {said['fees']:.2f}, equity {said['equity']:.2f}"
    if str(said["note"]).startswith("not the same"):
        return f"{text}: {said['note']}"
    if line.is_extrapolated:
        return text
    counts = all(said[name] == other[name] for name in ("fills", "cycles"))
    money = all(abs(said[name] - other[name]) < CENT for name in ("fees", "equity"))
    return f"{text}: {'equal' if counts and money else 'DIFFERS'}"


def scale(stage: Stage, sizes: Sequence[int]) -> None:
    """The martingale on more and more candles."""
    say("\nW4: the martingale on more candles")
    say(f"  {'candles':>12}{'fills':>8}{'CPU ms':>9}{'M bars/s':>10}{'us/fill':>9}{'start s':>9}{'MiB':>7}")
    for candles in sizes:
        stage.write_candles(generate_series("BTC-USDT", candles=candles, seed=SEED))
        line = stage.run(OURS[0], "W2", candles)
        if line is None:
            return
        fills = int(line.said["fills"])
        say(
            f"  {candles:>12,}{fills:>8,}{1e3 * line.seconds:>9.2f}{candles / line.seconds / 1e6:>10.4g}"
            f"{1e6 * line.seconds / fills:>9.1f}{line.said['start_s']:>9.1f}{line.said['memory_mib']:>7.0f}"
        )


def sweep(stage: Stage, candles: int, beside: Line | None) -> None:
    """A thousand combinations on all cores; the other engine is extrapolated from one."""
    say(f"\nW3: {COMBINATIONS:,} combinations of the martingale, {candles:,} candles, all cores")
    for variant in ("", "unchecked"):
        told = stage.ask(SWEEP, "W3", candles, variant)
        if told is None:
            continue
        name = "Fairlead, no risk checks" if variant else "Fairlead"
        extra = f", {told['faults']} faults: {told['fault']}" if told["faults"] else ""
        say(
            f"  {name:<26}{told['seconds']:>9.2f} s  {told['memory_mib']:>5.0f} MiB at most"
            f"  {told['fills']:,} fills, {1e6 * told['seconds'] / max(told['fills'], 1):.1f} us of wall a fill{extra}"
        )
    if beside is not None:
        seconds = beside.seconds * COMBINATIONS / len(CORES)
        say(f"  {'vectorbt':<26}{seconds:>9.0f} s  (extrapolated from one set, shared by {len(CORES)} cores)")


def start(stage: Stage, candles: int) -> None:
    """The command as a user types it: from the shell to the report, candles read from disk."""
    say(f"\nstart: fairlead backtest run, from the shell to the report, {candles:,} candles")
    program = Path(sys.executable).parent / "fairlead"
    folder = stage.folder / "data"
    base = [str(program), "candles", "generate", "BTC-USDT", "--data", str(folder), "--candles", str(candles)]
    done = subprocess.run(base, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        say(f"  {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")
        return
    command = [
        str(program),
        "backtest",
        "run",
        "--symbol",
        "BTC-USDT",
        "--preset",
        "balanced",
        "--risk-profile",
        "paper",
    ]
    command += ["--out", str(folder / "report"), "--data", str(folder)]
    seconds = []
    for _ in range(ROUNDS):
        began_s = CLOCK.monotonic_s()
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        seconds.append(CLOCK.monotonic_s() - began_s)
        if done.returncode:
            say(f"  {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")
            return
    say(f"  first {seconds[0]:.2f} s, best of {ROUNDS} {min(seconds):.2f} s")


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"some of {', '.join(WORKLOADS)}")
    parser.add_argument("--quick", action="store_true", help="a fifth of a year, and smaller sizes")
    parser.add_argument("--only", choices=("ours",), help="leave the other engines out")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where their environments are kept")
    arguments = parser.parse_args()
    wanted = arguments.workloads or list(WORKLOADS)
    candles = YEAR_OF_MINUTES // 5 if arguments.quick else YEAR_OF_MINUTES
    say(describe_machine())
    series = generate_series("BTC-USDT", candles=candles, seed=SEED)
    check_candles(series)
    with tempfile.TemporaryDirectory() as name:
        stage = Stage(Path(name), arguments.cache, only_ours=arguments.only == "ours")
        stage.write_candles(series)
        vectorbt = None
        for workload in ("W1", "W2", "active"):
            if workload in wanted:
                lines = compare(stage, workload, candles)
                found = next((line for line in lines if line.peer.name == "vectorbt"), None)
                vectorbt = found if workload == "W2" else vectorbt
        if "W3" in wanted:
            sweep(stage, candles, vectorbt)
        if "start" in wanted:
            start(stage, candles)
        if "W4" in wanted:
            scale(stage, SIZES[:2] if arguments.quick else SIZES)


if __name__ == "__main__":
    main()
