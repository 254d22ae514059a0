# ruff: noqa: INP001 (a script, not a package)
"""Kill the server thousands of times while alerts arrive, and count on the exchange's side.

Run as ``.venv/bin/python -m bench.crash [--kills N] [--database all|sqlite|postgresql|mariadb|URL] [--seed N]``. It
goes in rounds, as the tests in ``tests/crash`` do: an empty database, alerts from several senders, each sent again
until it is answered, kills at random moments, a last start, a settled end, a count. Rounds take turns between the
databases and between two exchanges that outlive every kill (our own messages; OKX's API with faults all the time) and
the paper venue, whose books live in the server. A URL
names an empty database that nobody else uses, and is one round. Ctrl-C ends it with the rounds that are done. It
ends with 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fairlead.clock import SystemClock
from tests.crash.rounds import Exchange, Outcome, run_round
from tests.servers import shared
from tests.servers.clean import DATABASES, clean_url

CLOCK: Final = SystemClock()
KILLS: Final = 10_000
KILLS_PER_ROUND: Final = 25
VENUES: Final = {
    Exchange.OWN: "exchange beside it",
    Exchange.OKX: "OKX with faults beside it",
    Exchange.PAPER: "paper venue in it",
}
HEAD: Final = "| Database | Venue | kills | during start | alerts | answered | repeats | orders | wrong |"


@dataclass
class Line:
    """The sum of the rounds of one database with one venue."""

    database: str
    exchange: Exchange
    outcomes: list[Outcome] = field(default_factory=list)

    def write(self) -> str:
        """One line of the table."""
        sums = [
            sum(getattr(outcome, name) for outcome in self.outcomes)
            for name in ("kills", "kills_at_start", "alerts", "answered", "repeats", "orders")
        ]
        wrong = sum(len(outcome.problems) for outcome in self.outcomes)
        cells = [self.database, VENUES[self.exchange], *(f"{number:,}" for number in sums), f"{wrong:,}"]
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class Round:
    """What is done next, and where it is added."""

    line: Line
    kills: int
    seed: int


def plan(kills: int, database: str, seed: int) -> Iterator[Round]:
    """Cut the kills into rounds, which take turns."""
    if "://" in database:
        yield Round(Line("named", Exchange.OWN), kills, seed)
        return
    names = DATABASES if database == "all" else (database,)
    lines = [Line(name, exchange) for exchange in VENUES for name in names]
    for number, start in enumerate(range(0, kills, KILLS_PER_ROUND)):
        yield Round(lines[number % len(lines)], min(KILLS_PER_ROUND, kills - start), seed + number)


def run(rounds: list[Round], url_of: Callable[[str, Path], str]) -> list[str]:
    """Run all rounds, or those before Ctrl-C; returns what was wrong."""
    total, done, started = sum(one.kills for one in rounds), 0, CLOCK.monotonic_s()
    problems: list[str] = []
    try:
        for one in rounds:
            problems += run_one(one, url_of)
            done += one.kills
            left_s = (CLOCK.monotonic_s() - started) / done * (total - done)
            sys.stderr.write(f"{done:,} of {total:,} kills, {len(problems)} wrong, {left_s / 60:.0f} min left\n")
            sys.stderr.flush()
    except KeyboardInterrupt:
        say("interrupted")
    say(f"{done:,} kills in {(CLOCK.monotonic_s() - started) / 60:.1f} min")
    return problems


def run_one(one: Round, url_of: Callable[[str, Path], str]) -> list[str]:
    """Run a round in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fairlead-crash-") as name:
        url = url_of(one.line.database, Path(name))
        outcome = run_round(Path(name), url, kills=one.kills, seed=one.seed, exchange=one.line.exchange)
    one.line.outcomes.append(outcome)
    return [f"{one.line.database}, seed {one.seed}: {problem}" for problem in outcome.problems]


def say(line: str) -> None:
    """Print one line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument(
        "--database", default="all", help="all, sqlite, postgresql, mariadb, or the URL of an empty one"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rounds = list(plan(asked.kills, asked.database, asked.seed))
    shared.announce()
    try:
        problems = run(rounds, (lambda *_: asked.database) if "://" in asked.database else clean_url)
    finally:
        shared.withdraw()
    say(HEAD)
    say("|" + "---|" * HEAD.count(" | ") + "---|")
    for line in {id(one.line): one.line for one in rounds}.values():
        say(line.write())
    for problem in problems:
        say(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
