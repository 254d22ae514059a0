"""Runs the long and the short tasks of a process, keeps hold of them, and notices when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Final

import structlog

TASKS_MAX: Final = 100_000

_log = structlog.get_logger("fairlead.worker")

OnFailure = Callable[[Exception], None]


class TooManyTasksError(Exception):
    """More tasks at once than the named limit: something does not finish."""


class TaskSupervisor:
    """Owner of every task of the process: none is lost to garbage collection, none fails in silence."""

    def __init__(self) -> None:
        """Start with no tasks."""
        self._tasks: dict[asyncio.Task[None], Coroutine[None, None, None]] = {}
        self._is_closed = False

    @property
    def running(self) -> int:
        """Tasks that have not ended."""
        return len(self._tasks)

    def start(
        self,
        name: str,
        work: Coroutine[None, None, None],
        on_failure: OnFailure | None = None,
        *,
        context: Context | None = None,
    ) -> None:
        """Run a coroutine; if it raises, say so and tell ``on_failure``. Nothing is started any more once closed.

        ``context`` is what its log lines say beside what they are about; without it, what the caller's say.

        Raises:
            TooManyTasksError: the limit is reached; the work was not started.
        """
        if self._is_closed:
            work.close()
            return
        if len(self._tasks) >= TASKS_MAX:
            work.close()
            message = f"{TASKS_MAX} tasks are running, {name} was not started"
            raise TooManyTasksError(message)
        task = asyncio.create_task(_watched(name, work, on_failure), name=name, context=context)
        self._tasks[task] = work
        task.add_done_callback(self._forget)

    async def close(self) -> None:
        """Cancel what still runs, wait for it to end, and start nothing more."""
        self._is_closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        # A task that is canceled before its first step leaves the work unawaited.
        self._tasks.pop(task).close()


async def _watched(name: str, work: Coroutine[None, None, None], on_failure: OnFailure | None) -> None:
    try:
        await work
    except Exception as error:
        _log.exception("task_failed", task=name)
        if on_failure is not None:
            on_failure(error)
