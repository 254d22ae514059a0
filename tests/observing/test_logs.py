"""Every line, ours or a library's, goes one way: parsed, in order, without secrets, and never waited for."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from fairlead.observing.crashes import CrashesShownSafely
from fairlead.observing.logs import LINES_WAITING_MAX, LogFileError, LogPipeline, LogPlan, logging_to

SECRET = "flh_31GPj4XTsgtb-opAPEqXquDNeiYHrMIaXPGvHKoozEk"


class Console(io.StringIO):
    """A standard error that tests read, and that may be a terminal."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture(name="console")
def _console() -> Console:
    return Console()


@pytest.fixture(name="logs")
def _logs(console: Console) -> Iterator[LogPipeline]:
    with logging_to(LogPlan(is_json=True), console) as pipeline:
        yield pipeline


def test_a_line_is_one_json_object_with_time_level_and_message_first(logs: LogPipeline, console: Console) -> None:
    structlog.get_logger("fairlead.worker").warning("task_failed", task="desk first", duration_ms=1.5)
    logs.flush()
    assert list(console.lines()[0]) == ["timestamp", "level", "logger", "message", "task", "duration_ms"]
    line = console.lines()[0]
    assert (line["level"], line["logger"], line["message"]) == ("warning", "fairlead.worker", "task_failed")
    assert line["timestamp"].endswith("Z")


def test_lines_of_several_threads_are_whole_and_each_thread_s_in_order(logs: LogPipeline, console: Console) -> None:
    def write(name: str) -> None:
        for number in range(200):
            structlog.get_logger().info("count", thread=name, number=number)

    threads = [threading.Thread(target=write, args=(str(name),)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logs.flush()
    for name in range(4):
        assert [line["number"] for line in console.lines() if line["thread"] == str(name)] == list(range(200))


def test_what_is_bound_to_a_context_is_on_every_line_of_it(logs: LogPipeline, console: Console) -> None:
    with structlog.contextvars.bound_contextvars(request_id="0192", account="first"):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    logs.flush()
    inside, outside = console.lines()
    assert (inside["request_id"], inside["account"]) == ("0192", "first")
    assert "request_id" not in outside


def test_an_error_is_logged_with_its_traceback_and_no_secret(logs: LogPipeline, console: Console) -> None:
    def fail(token: str) -> None:
        raise ValueError(f"no such token: {token}")

    try:
        fail(SECRET)
    except ValueError as error:
        structlog.get_logger().exception("broke")
        structlog.get_logger().error("again", exc_info=error)
    logs.flush()
    for line in console.lines():
        assert line["error"] == "ValueError: no such token: ***"
        assert "in fail" in line["exception"]
    assert SECRET not in console.getvalue()


def test_libraries_are_heard_from_warnings_on_and_show_no_secret(logs: LogPipeline, console: Console) -> None:
    library = logging.getLogger("sqlalchemy.engine")
    library.debug("SELECT password_hash: %s", SECRET)
    library.warning("pool broke: %s", {"password": "open sesame"})
    # Past pytest's own handler, which breaks on what ours takes.
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "values %d do not fit", (SECRET,), None)
    next(one for one in logging.getLogger().handlers if "Library" in type(one).__name__).handle(record)
    logs.flush()
    warning, error = console.lines()
    assert (warning["logger"], warning["message"]) == ("sqlalchemy.engine", "pool broke: {'password': '***'}")
    assert error["logger"] == "uvicorn.error"
    assert SECRET not in console.getvalue()


def test_a_thread_that_dies_is_logged_without_secrets(logs: LogPipeline, console: Console) -> None:
    def die() -> None:
        raise RuntimeError(f"Authorization: Bearer {SECRET}")

    thread = threading.Thread(target=die, name="doomed")
    thread.start()
    thread.join()
    logs.flush()
    (line,) = console.lines()
    assert (line["message"], line["thread"], line["error"]) == (
        "thread_failed",
        "doomed",
        "RuntimeError: Authorization: ***",
    )


def test_text_for_people_cannot_be_forged_and_is_coloured_only_on_a_terminal() -> None:
    for is_terminal in (False, True):
        console = Console(is_terminal=is_terminal)
        with logging_to(LogPlan(), console):
            structlog.get_logger().info("refused", comment="x\n2026 [info] all is well\x1b[2J", token="abc")
        text = console.getvalue()
        assert text.count("\n") == 1
        assert "\x1b[2J" not in text
        assert ("\x1b[" in text) is is_terminal
        assert "abc" not in text


def test_below_the_chosen_level_nothing_is_said(console: Console) -> None:
    with logging_to(LogPlan(level="warning", is_json=True), console):
        structlog.get_logger().info("quiet")
        structlog.get_logger().warning("loud")
    assert [line["message"] for line in console.lines()] == ["loud"]


class StuckConsole(Console):
    """A terminal that somebody stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.goes_on.wait()
        return super().write(text)


def test_whoever_logs_never_waits_and_what_is_dropped_is_counted() -> None:
    console = StuckConsole()
    with logging_to(LogPlan(is_json=True), console) as logs:
        for number in range(LINES_WAITING_MAX + 2_000):
            structlog.get_logger().info("flood", number=number)
        # Nobody has read a line yet.
        assert 0 < logs.dropped <= 2_000
        console.goes_on.set()
    dropped = [line["lines"] for line in console.lines() if line["message"] == "log_lines_dropped"]
    assert sum(dropped) == logs.dropped
    assert sum(line["message"] == "flood" for line in console.lines()) == LINES_WAITING_MAX + 2_000 - logs.dropped


def test_a_console_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    console = Console()
    console.close()
    file = tmp_path / "fairlead.log"
    with logging_to(LogPlan(file=file), console) as logs:
        structlog.get_logger().info("still there")
        logs.flush()
        assert logs.failed == 1
    assert json.loads(file.read_text())["message"] == "still there"


def test_a_file_turns_by_size_and_only_the_last_few_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "fairlead.log"
    plan = LogPlan(file=file, file_bytes_max=2_000, files_max=3)
    with logging_to(plan, Console()):
        for number in range(100):
            structlog.get_logger().info("count", number=number)
    names = sorted(path.name for path in file.parent.iterdir())
    assert names == ["fairlead.log", "fairlead.log.1", "fairlead.log.2"]
    assert all(path.stat().st_size <= 2_000 for path in file.parent.iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in file.parent.iterdir())
    numbers = [
        json.loads(line)["number"] for name in reversed(names) for line in (file.parent / name).read_text().splitlines()
    ]
    assert numbers == list(range(numbers[0], 100))
    with logging_to(plan, Console()):
        structlog.get_logger().info("after a restart")
    assert "after a restart" in file.read_text()


def test_one_file_may_be_all_there_is(tmp_path: Path) -> None:
    file = tmp_path / "fairlead.log"
    with logging_to(LogPlan(file=file, file_bytes_max=500, files_max=1), Console()):
        for number in range(50):
            structlog.get_logger().info("count", number=number)
    assert [path.name for path in tmp_path.iterdir()] == ["fairlead.log"]
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 49


def test_a_file_that_cannot_be_written_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogFileError, match="cannot be written"), logging_to(LogPlan(file=tmp_path)):
        pass


def test_afterwards_everything_is_as_it_was(console: Console) -> None:
    before = structlog.get_config(), threading.excepthook, sys.unraisablehook, logging.getLogger().handlers.copy()
    with logging_to(LogPlan(secrets=("open sesame",), is_json=True), console):
        structlog.get_logger().info("open sesame")
    after = structlog.get_config(), threading.excepthook, sys.unraisablehook, logging.getLogger().handlers
    assert after == before
    assert console.lines()[0]["message"] == "***"


def test_a_command_that_breaks_shows_its_error_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_METRICS_TOKEN", "open sesame")
    with pytest.raises(SystemExit) as ended, CrashesShownSafely():
        raise OSError(f"postgresql://fair:sesame@db: no token {SECRET}, open sesame")
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "OSError: postgresql://fair:***@db: no token ***, ***" in told
    assert "test_logs.py" in told


def test_whoever_wants_to_end_ends() -> None:
    with pytest.raises(KeyboardInterrupt), CrashesShownSafely():
        raise KeyboardInterrupt
