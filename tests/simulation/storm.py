"""What befalls a world: a seed chooses one trouble after another, with alerts in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Final

import msgspec

from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.decision import Instruction
from tests.simulation.exchange_side import SYMBOLS
from tests.simulation.network import CALM, ROUGH
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.world import BUSY_TICK_S, IDLE_TICK_S, World

ACTIONS: Final = 16
SHORT_S: Final = (0.0, 0.02, 0.3, 1.0, 4.0, 8.0)
# Now and then nothing happens for a while, which costs little; funding is settled meanwhile.
LONG_S: Final = (300.0, 1_800.0, 7_200.0)
LONG_WITH_BOTS_S: Final = (60.0, 300.0)
PAUSES_S: Final = (0.0, 0.1, 3.0, 20.0)
STEPS_TO_LIVE_MAX: Final = 400
# Our clock against the exchange's: behind by more than a deadline, or ahead by less than the margin (two seconds).
OFFSETS_MS: Final = (-7_000, -900, 0, 400, 1_500)


class Storm:
    """Rages over a world; every choice is the seed's."""

    def __init__(self, world: World, seed: int | str) -> None:
        """Throw the dice of this seed."""
        self._world = world
        self._dice = Random(f"storm {seed}")
        self._actions: dict[Callable[[], Awaitable[None]], int] = {
            self.send: 12,
            self.roughen: 3,
            self.clear_up: 2,
            self.fall_silent: 2,
            self.speak: 2,
            self.crash: 2,
            self.crash_between_steps: 3,
            self.crash_while_starting: 1,
            self.refuse_writes: 1,
            self.slow_disk: 1,
            self.move_price: 2,
            self.pay: 1,
            self.compare: 2,
            self.jump: 1,
        }
        if world.bots:
            self._actions |= {self.change_bot: 3, self.command_bot: 2, self.move_price: 6}

    async def rage(self, actions: int = ACTIONS) -> None:
        """Let so many things happen."""
        world = self._world
        world.begin()
        await asyncio.sleep(1)
        for _ in range(actions):
            (act,) = self._dice.choices(list(self._actions), weights=list(self._actions.values()))
            await act()
            await self._wait()

    async def _wait(self) -> None:
        world = self._world
        if self._dice.random() < 0.2:
            await asyncio.sleep(3)
            world.pace(IDLE_TICK_S)
            await asyncio.sleep(self._dice.choice(LONG_WITH_BOTS_S if world.bots else LONG_S))
            world.pace(BUSY_TICK_S)
        else:
            await asyncio.sleep(self._dice.choice(SHORT_S))

    # --- what may happen

    async def send(self) -> None:
        """One alert, or a few at once."""
        for _ in range(self._dice.choice((1, 1, 1, 2, 2, 4, 10))):
            self._world.send()

    async def roughen(self) -> None:
        """Rough weather between one account and its exchange."""
        line = self._dice.choice(list(self._world.lines.values()))
        line.weather = ROUGH
        self._world.note(f"{line.account.label}: the network gets rough")

    async def clear_up(self) -> None:
        """Good weather for everybody."""
        for line in self._world.lines.values():
            line.weather = CALM

    async def fall_silent(self) -> None:
        """The stream of an account says nothing, perhaps in the middle of a large order's fills."""
        line = self._dice.choice(list(self._world.lines.values()))
        line.is_silent = True
        self._world.note(f"{line.account.label}: the stream falls silent")

    async def speak(self) -> None:
        """Every stream is back."""
        for line in self._world.lines.values():
            if line.is_silent:
                self._world.note(f"{line.account.label}: the stream is back")
                line.speak()

    async def crash(self) -> None:
        """Die now."""
        await self._world.restart(self._dice.choice(PAUSES_S))

    async def crash_between_steps(self) -> None:
        """Die after so many callbacks from an alert on, at a commit, in a call or anywhere else."""
        await self.send()
        await self._crash_soon()

    async def crash_while_starting(self) -> None:
        """Die, and die again on the way up."""
        await self._world.restart(self._dice.choice(PAUSES_S))
        await self._crash_soon()

    async def _crash_soon(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.ring_after(self._dice.randint(1, STEPS_TO_LIVE_MAX), self._world.kill)
        await asyncio.sleep(self._dice.choice((0.3, 2.0, 6.0)))
        loop.silence()
        await self._world.restart(self._dice.choice(PAUSES_S))

    async def refuse_writes(self) -> None:
        """The disk is full for a while."""
        self._world.note("the disk is full")
        self._world.disk.is_refusing = True
        await self.send()
        await asyncio.sleep(self._dice.choice(SHORT_S))
        self._world.disk.is_refusing = False
        self._world.note("the disk has room")

    async def slow_disk(self) -> None:
        """Commits take longer, or no time at all."""
        self._world.disk.commit_ms_max = self._dice.choice((0, 4, 40, 400))

    async def move_price(self) -> None:
        """A market jumps."""
        self._world.shock(self._dice.choice(SYMBOLS), self._dice.uniform(-0.004, 0.004))

    async def change_bot(self) -> None:
        """The owner of a bot pauses it, stops it or lets it run."""
        bot = self._dice.choice(list(self._world.bots.values()))
        wish = self._dice.choice((Wish.RUN, Wish.RUN, Wish.RUN, *Wish))
        self._world.change_bot(msgspec.structs.replace(bot, wish=wish))

    async def command_bot(self) -> None:
        """The owner of a bot has it close what it holds, or begin."""
        instruction = self._dice.choice((Instruction.CLOSE, Instruction.START))
        self._world.command_bot(self._dice.choice(list(self._world.bots)), instruction)

    async def pay(self) -> None:
        """Somebody changes a balance by hand."""
        world = self._world
        account = self._dice.choice(world.accounts)
        side = world.sides[account.account_id]
        amount = Decimal(self._dice.randint(1, 5_000))
        act = self._dice.choice((side.exchange.deposit, side.exchange.withdraw))
        world.note(f"{account.label}: {act.__name__} {amount} USDT by hand")
        act(account.account_id, "USDT", amount)
        await side.settle()

    async def compare(self) -> None:
        """Fairlead compares every account with its exchange, as it does now and then while it runs."""
        self._world.server.look()

    async def jump(self) -> None:
        """Our clock is set."""
        self._world.clock.offset_ms = self._dice.choice(OFFSETS_MS)
        self._world.note(f"our clock is {self._world.clock.offset_ms} ms ahead of the true time")
