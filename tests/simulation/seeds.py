"""Runs one seed: a world, a storm, a calm, a count."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from structlog.testing import capture_logs

from fairlead.core.model.ids import TIME_MS_MAX
from fairlead.reporting.decision_check import check_decisions
from fairlead.store.verify import verify
from fairlead.wiring import journal_fold, record_kinds
from tests.simulation.disk import Disk
from tests.simulation.server import SOUND, Mutant, few_instruments
from tests.simulation.storm import ACTIONS, Storm
from tests.simulation.virtual_loop import open_loop
from tests.simulation.world import SMALL, Shape, World

# No storm lasts longer than this, in virtual seconds: something hangs.
LASTS_S_MAX: Final = 7 * 86_400.0
AGAIN: Final = ".venv/bin/python -m bench.simulation --first {seed} --seeds 1"


@dataclass(frozen=True)
class Outcome:
    """What a seed came to."""

    seed: int
    problems: tuple[str, ...]
    events: tuple[str, ...]
    account_hours: float
    orders: int
    alerts: int
    kills: int
    digest: str
    decisions: int = 0

    def tell(self) -> str:
        """Everything that a person needs to look into it."""
        lines = [f"seed {self.seed}, again with {AGAIN.format(seed=self.seed)}", *self.events, "", *self.problems]
        return "\n".join(lines)


def run_seed(seed: int, mutant: Mutant = SOUND, *, actions: int = ACTIONS, shape: Shape = SMALL) -> Outcome:
    """Let a world of this seed live in virtual time, and say what was wrong in the end."""
    loop = open_loop(seed)
    try:
        with capture_logs(), few_instruments(), mutant.patch():
            return loop.run_until_complete(asyncio.wait_for(_live(seed, mutant, actions, shape), LASTS_S_MAX))
    finally:
        loop.close()


async def _live(seed: int, mutant: Mutant, actions: int, shape: Shape) -> Outcome:
    world = World(seed, mutant, shape=shape)
    world.loop.set_exception_handler(lambda _, context: world.faults.found.append(f"the loop: {context}"))
    try:
        await Storm(world, seed).rage(actions)
        await world.calm_down()
        problems = await world.find_problems()
        decisions = sum(actor.state.version for actor in world.server.bots.runner.actors.values() if actor.state)
        await world.stop()
        problems += _replay(world.disk)
        digest = world.disk.digest()
    finally:
        world.disk.close()
    return Outcome(
        seed=seed,
        problems=tuple(problems),
        events=tuple(world.events),
        account_hours=len(world.accounts) * world.loop.time() / 3_600,
        orders=sum(len(world.sides[one.account_id].orders(one.account_id)) for one in world.accounts),
        alerts=len(world.sent),
        kills=sum("killed" in line for line in world.events),
        digest=digest,
        decisions=decisions,
    )


def _replay(disk: Disk) -> list[str]:
    """What the journal and the tables say against each other; the files of this check are the only ones."""
    with tempfile.TemporaryDirectory(prefix="fairlead-simulation-") as folder:
        url = disk.write_file(Path(folder) / "fairlead.sqlite3")
        found = verify(url, journal_fold(), records=record_kinds()).problems
        again = check_decisions(url, 0, TIME_MS_MAX)
    return [*(f"replay: {line}" for line in found), *(f"decided again: {one.text({})}" for one in again.differences)]
