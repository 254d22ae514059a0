from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fairlead import worker
from fairlead.worker import TaskSupervisor, TooManyTasksError


@pytest.fixture(name="tasks")
async def _tasks() -> AsyncIterator[TaskSupervisor]:
    tasks = TaskSupervisor()
    yield tasks
    await tasks.close()


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _fail() -> None:
    raise ValueError("broken")


async def test_a_task_runs_and_is_forgotten_when_done(tasks: TaskSupervisor) -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("it")

    tasks.start("work", work())
    assert tasks.running == 1
    await _turns()
    assert done == ["it"]
    assert tasks.running == 0


async def test_whoever_started_a_task_hears_of_its_failure(tasks: TaskSupervisor) -> None:
    heard: list[Exception] = []
    tasks.start("work", _fail(), heard.append)
    await _turns()
    assert [str(error) for error in heard] == ["broken"]


async def test_a_failure_does_not_touch_the_other_tasks(tasks: TaskSupervisor) -> None:
    going_on = asyncio.Event()
    tasks.start("waits", _wait(going_on))
    tasks.start("fails", _fail())
    await _turns()
    assert tasks.running == 1


async def test_a_canceled_task_is_no_failure(tasks: TaskSupervisor) -> None:
    heard: list[Exception] = []
    tasks.start("waits", _wait(asyncio.Event()), heard.append)
    await _turns()
    await tasks.close()
    assert heard == []
    assert tasks.running == 0


async def test_a_failure_while_closing_is_still_told(tasks: TaskSupervisor) -> None:
    heard: list[Exception] = []

    async def fails_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at the end")

    tasks.start("work", fails_at_the_end(), heard.append)
    await _turns()
    await tasks.close()
    assert [str(error) for error in heard] == ["at the end"]


async def test_closing_before_the_first_step_leaves_no_work_unawaited(tasks: TaskSupervisor) -> None:
    # Warnings are errors here, and work that is never awaited warns.
    tasks.start("work", _fail())
    await tasks.close()
    assert tasks.running == 0


async def test_nothing_is_started_once_closed(tasks: TaskSupervisor) -> None:
    await tasks.close()
    tasks.start("work", _fail())
    assert tasks.running == 0


async def test_a_task_may_start_another(tasks: TaskSupervisor) -> None:
    done: list[str] = []

    async def child() -> None:
        done.append("child")

    async def parent() -> None:
        tasks.start("child", child())

    tasks.start("parent", parent())
    await _turns(10)
    assert done == ["child"]


async def test_more_tasks_than_the_limit_are_refused(tasks: TaskSupervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TASKS_MAX", 2)
    for _ in range(2):
        tasks.start("waits", _wait(asyncio.Event()))
    with pytest.raises(TooManyTasksError, match="2 tasks are running, third was not started"):
        tasks.start("third", _fail())
    assert tasks.running == 2


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
