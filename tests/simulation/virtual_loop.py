"""An event loop in virtual time: a seed chooses who is next, and when nobody is ready time jumps to the next timer."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import _set_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from itertools import count
from random import Random
from typing import Any, Final, TypeVar

T = TypeVar("T")

# More turns than this without time moving on is somebody who spins.
STEPS_AT_ONE_MOMENT_MAX: Final = 200_000

Future = Generator[Any, None, T] | Awaitable[T]
OnError = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class StandstillError(RuntimeError):
    """Somebody waits for what can never come: nobody is ready, and no timer is set."""


class LivelockError(RuntimeError):
    """Somebody spins without ever letting time pass."""


class Job(asyncio.TimerHandle):
    """One callback, at a moment (seconds of the loop's time)."""

    def run(self) -> None:
        """Call it; what it raises goes to the loop's exception handler."""
        self._run()


class VirtualLoop(asyncio.AbstractEventLoop):
    """No sockets, no threads, no files and no clock: whatever asks for one of them gets NotImplementedError.

    With a seed, the next callback is any of those that are ready, so that tasks interleave in as many ways as there are
    seeds; without one they run in order, as on the usual loop. ``steps`` counts callbacks.
    """

    def __init__(self, seed: int | str | None = None) -> None:
        """Begin at time zero with nothing to do."""
        self.steps = 0
        self._dice = None if seed is None else Random(f"loop {seed}")
        self._now_s = 0.0
        self._ready: list[Job] = []
        self._timers: list[tuple[float, int, Job]] = []
        self._numbers = count()
        self._stalled = 0
        self._alarm: tuple[int, Callable[[], None]] | None = None
        self._on_error: OnError | None = None
        self._is_running = False
        self._is_stopping = False
        self._is_closed = False

    # --- life

    def run_until_complete(self, future: Future[T]) -> T:
        """Run until something is done, cancel what still runs then, and return the result."""
        assert isinstance(future, Awaitable), future
        main = asyncio.ensure_future(future, loop=self)
        try:
            self._run_until_done(main)
        finally:
            rest = asyncio.all_tasks(self)
            for task in rest:
                task.cancel()
            self._stalled = 0
            self._run_until_done(asyncio.gather(*rest, return_exceptions=True) if rest else main)
        return main.result()

    def _run_until_done(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            future.add_done_callback(lambda _: self.stop())
            self.run_forever()

    def run_forever(self) -> None:
        """Run until it is stopped.

        Raises:
            StandstillError: nothing will ever happen again.
            LivelockError: time does not move on.
        """
        self._is_running, self._is_stopping = True, False
        _set_running_loop(self)
        try:
            while not self._is_stopping:
                self._turn()
        finally:
            _set_running_loop(None)
            self._is_running = False

    def stop(self) -> None:
        self._is_stopping = True

    def close(self) -> None:
        self._ready.clear()
        self._timers.clear()
        self._is_closed = True

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return self._is_closed

    def ring_after(self, steps: int, ring: Callable[[], None]) -> None:
        """Call ``ring`` between two callbacks, once so many more have run; there is one alarm at a time."""
        self._alarm = (self.steps + steps, ring)

    def silence(self) -> None:
        """Take the alarm back."""
        self._alarm = None

    # --- callbacks

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now_s

    def call_soon(self, callback: Callable[..., object], *args: object, context: Context | None = None) -> Job:
        job = Job(self._now_s, callback, args, self, context)
        self._ready.append(job)
        return job

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> Job:
        return self.call_at(self._now_s + max(delay, 0.0), callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> Job:
        job = Job(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), job))
        return job

    def _timer_handle_cancelled(self, _handle: asyncio.TimerHandle) -> None:
        """Hear from a handle that it was canceled; it is passed over when its moment comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    # --- errors

    def get_debug(self) -> bool:
        return False

    def set_exception_handler(self, handler: OnError | None) -> None:
        self._on_error = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._on_error is None:
            raise context.get("exception") or RuntimeError(context["message"])
        self._on_error(self, context)

    async def shutdown_asyncgens(self) -> None:
        """Nothing: whoever begins an iteration here ends it."""

    async def shutdown_default_executor(self) -> None:
        """Nothing: there are no threads."""

    # --- one step

    def _turn(self) -> None:
        if not self._ready:
            self._jump()
        job = self._pop_ready()
        if job.cancelled():
            return
        job.run()
        self.steps += 1
        self._stalled += 1
        if self._stalled > STEPS_AT_ONE_MOMENT_MAX:
            raise LivelockError(f"{self._stalled} callbacks at {self._now_s} s, the last of them {job!r}")
        if self._alarm is not None and self.steps >= self._alarm[0]:
            (_, ring), self._alarm = self._alarm, None
            ring()

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise StandstillError("nobody is ready, no timer is set, and somebody still waits")
        when = timers[0][0]
        if when > self._now_s:
            self._now_s, self._stalled = when, 0
        while timers and timers[0][0] <= self._now_s:
            self._ready.append(heapq.heappop(timers)[2])

    def _pop_ready(self) -> Job:
        ready = self._ready
        if self._dice is None:
            return ready.pop(0)
        chosen = self._dice.randrange(len(ready))
        ready[chosen], ready[-1] = ready[-1], ready[chosen]
        return ready.pop()


# What is left out (sockets, signals, child processes) is left out on purpose, so that asking for it fails.
open_loop: Callable[[int | str | None], VirtualLoop] = VirtualLoop
