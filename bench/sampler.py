# ruff: noqa: INP001 (a script, not a package)
"""Run the server and sample where its processor time goes: by step of the order path and by function.

Run as ``sampler.py FOLDER OUTPUT``: the product's own ``serve`` on a data folder, with a profile written at its end. A
timer of processor time interrupts the event loop some hundred times a second. Each sample weighs what the thread has
really used since the last one, so the steps add up to the time of the thread, and the cost of sampling stays small.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from fairlead import cli

EVERY_S: Final = 0.001
STACK_MAX: Final = 80
WRITER: Final = "journal-writer"
OTHER: Final = "rest"
# Where code is, seen from the innermost frame outwards: the first that matches names the step.
STEPS: Final = (
    ("/fairlead/simulator/", "exchange"),
    ("/fairlead/venues/", "exchange"),
    ("/fairlead/core/rules/risk", "risk"),
    ("/fairlead/core/rules/plan", "size"),
    ("/fairlead/core/rules/siz", "size"),
    ("/fairlead/core/rules/draft", "size"),
    ("/fairlead/core/rules/perpetual_orders", "size"),
    ("/fairlead/core/rules/order_state", "state"),
    ("/fairlead/core/rules/request_state", "state"),
    ("/fairlead/core/rules/position_state", "state"),
    ("/fairlead/core/rules/holdings", "book"),
    ("/fairlead/core/rules/sub_books", "book"),
    ("/fairlead/core/rules/account_book", "book"),
    ("/fairlead/store/latch", "kill switch"),
    ("/fairlead/store/projections", "projections"),
    ("/fairlead/store/rows", "journal"),
    ("/fairlead/store/packing", "journal"),
    ("/fairlead/store/sqlite_file", "journal"),
    ("/fairlead/store/deliveries", "journal"),
    ("/fairlead/store/journal", "journal"),
    ("/fairlead/store/writer", "journal"),
    ("/fairlead/store/batch_store", "journal"),
    ("/fairlead/store/databases", "journal"),
    ("/fairlead/store/", "queries"),
    ("/sqlalchemy/", "queries"),
    ("/aiosqlite/", "queries"),
    ("/fairlead/sources/webhook/answers", "answer"),
    ("/fairlead/sources/webhook/results", "answer"),
    ("/fairlead/sources/", "decode"),
    ("/fairlead/accounts/", "decode"),
    ("/fairlead/orders/", "desk"),
    ("/fairlead/observing/", "observing"),
    ("/structlog/", "observing"),
    ("/fairlead/notify/", "observing"),
    ("/fairlead/web/", "HTTP"),
    ("/uvicorn/", "HTTP"),
    ("/starlette/", "HTTP"),
    ("/fastapi/", "HTTP"),
    ("/limits/", "HTTP"),
)
STATEMENTS: Final = {
    "save_states": "projections",
    "save_records": "exchange's books",
    "insert_rows": "journal",
    "move_heads": "journal",
}


class Profile(msgspec.Struct):
    """Seconds of processor time by step, by function (itself, without what it calls in Python), and by thread."""

    steps: dict[str, float]
    functions: dict[str, float]
    loop_s: float
    writer_s: float
    process_s: float


class Sampler:
    """Weighs what runs whenever its timer rings."""

    def __init__(self) -> None:
        """Start with nothing seen; the thread that makes it is the one that is sampled."""
        self._steps: Counter[str] = Counter()
        self._functions: Counter[str] = Counter()
        self._loop_clock = time.pthread_getcpuclockid(threading.get_ident())
        self._loop_s = 0.0
        self._writer: int | None = None
        self._writer_s = 0.0
        self._begun = (0.0, 0.0, 0.0)

    def begin(self) -> None:
        """Ring from now on."""
        signal.signal(signal.SIGPROF, self._ring)
        # Start-up is no part of an order: what came before the first mark is forgotten.
        signal.signal(signal.SIGUSR1, lambda *_: self._forget())
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def end(self) -> Profile:
        """Ring no more, and say what was seen."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        loop_s, writer_s, process_s = self._begun
        return Profile(
            steps=dict(self._steps),
            functions=dict(self._functions.most_common(60)),
            loop_s=self._loop_s - loop_s,
            writer_s=self._writer_s - writer_s,
            process_s=time.process_time() - process_s,
        )

    def _forget(self) -> None:
        self._steps.clear()
        self._functions.clear()
        self._begun = (self._loop_s, self._writer_s, time.process_time())

    def _ring(self, _number: int, frame: FrameType | None) -> None:
        now_s = time.clock_gettime(self._loop_clock)
        spent_s, self._loop_s = now_s - self._loop_s, now_s
        self._note(frame, spent_s)
        writer = self._writer or self._find_writer()
        if writer is not None:
            try:
                now_s = time.clock_gettime(time.pthread_getcpuclockid(writer))
            except ProcessLookupError:
                # It ends before the loop does, and a fault in here would be one of whatever runs.
                return
            spent_s, self._writer_s = now_s - self._writer_s, now_s
            self._note(sys._current_frames().get(writer), spent_s)  # noqa: SLF001 - a profiler looks at frames

    def _find_writer(self) -> int | None:
        self._writer = next((thread.ident for thread in threading.enumerate() if thread.name == WRITER), None)
        return self._writer

    def _note(self, frame: FrameType | None, spent_s: float) -> None:
        if frame is None:
            return
        code = frame.f_code
        self._functions[f"{Path(code.co_filename).name}  {code.co_qualname}"] += spent_s
        self._steps[_name_step(frame)] += spent_s


def _name_step(frame: FrameType | None) -> str:
    for _ in range(STACK_MAX):
        if frame is None:
            break
        name, path = frame.f_code.co_name, frame.f_code.co_filename
        if name in STATEMENTS:
            return STATEMENTS[name]
        for place, step in STEPS:
            if place in path:
                return step
        frame = frame.f_back
    return OTHER


def main() -> None:
    """Serve until told to end, then write the profile."""
    sampler = Sampler()
    sampler.begin()
    folder, output = sys.argv[1:3]
    sys.argv[1:] = ["serve", "--data", folder, "--port", "0"]
    try:
        cli.main()
    finally:
        Path(output).write_bytes(msgspec.json.encode(sampler.end()))


if __name__ == "__main__":
    main()
