"""Worker processes that run trials: fed a few at a time, and replaced when a trial costs one its life."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Final, Literal, Self, cast

import msgspec

from fairlead.backtest.compiled import compile_all
from fairlead.backtest.ladders.compiled_run import compile_ladder
from fairlead.backtest.sweeps.trials import Row, Stage, Trial

WORKERS_MAX: Final = 256
WORKERS_LOST_MAX: Final = 100
"""Trials that may cost a worker its life before a sweep is given up."""

STALLED_S: Final = 600.0
"""A trial on which its worker has been silent for so long, while all others were too, is ended with it."""

CHUNK_MAX: Final = 32
_CHUNKS_EACH: Final = 4
_ENDS_WITHIN_S: Final = 5.0

# A forked worker has the parent's modules and compiled functions at once; elsewhere forking is not safe.
Method = Literal["fork", "spawn"]
_METHOD: Final[Method] = "fork" if sys.platform == "linux" else "spawn"


class WorkersLostError(RuntimeError):
    """So many workers died that something is wrong with all trials, not with some."""


class WorkerPool:
    """As many processes as wished, started once; ``with`` ends them."""

    def __init__(
        self, stage: Stage, workers: int = 0, *, stalled_s: float = STALLED_S, method: Method = _METHOD
    ) -> None:
        """Start workers; 0: one for each processor that this process may use."""
        self._stage = stage
        self._context = get_context("fork") if method == "fork" else get_context("spawn")
        self._inherits = method == "fork"
        self._stalled_s = stalled_s
        self._lost = 0
        self._seats: list[_Seat] = []
        if self._inherits:
            compile_all()
            compile_ladder()
        for _ in range(min(workers or len(os.sched_getaffinity(0)), WORKERS_MAX)):
            self._seats.append(_Seat())
            self._start(self._seats[-1])

    def evaluate(self, trials: Sequence[Trial]) -> Iterator[Row]:
        """Run trials, and give their rows in the order in which they are done.

        Raises:
            WorkersLostError: workers kept dying.
        """
        chunks = _chunks(trials, len(self._seats))
        for seat in self._seats:
            seat.give(next(chunks, ()))
        while busy := {seat.connection: seat for seat in self._seats if seat.trials}:
            ready = wait(list(busy), timeout=self._stalled_s)
            stalled = busy.values() if not ready else ()
            for seat in stalled or [busy[cast("Connection", connection)] for connection in ready]:
                if stalled:
                    why = f"no answer within {self._stalled_s:g} s, so its worker was ended"
                    yield self._replace(seat, why, is_gone=False)
                else:
                    yield self._answer(seat)
                if not seat.trials:
                    seat.give(next(chunks, ()))

    def _answer(self, seat: _Seat) -> Row:
        try:
            return seat.hear()
        except (EOFError, ConnectionError):
            return self._replace(seat, "its worker died", is_gone=True)

    def close(self) -> None:
        """End every worker, whatever it is doing."""
        for seat in self._seats:
            seat.end()
        self._seats = []

    def __enter__(self) -> Self:
        """Go on."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End every worker."""
        self.close()

    def _start(self, seat: _Seat) -> None:
        here, there = self._context.Pipe()
        # A forked worker holds what its parent holds: it closes the ends of others, or they would never see ours go.
        others = [one.connection for one in self._seats if one.process is not None]
        arguments = (there, self._stage, [here, *others] if self._inherits else [])
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        there.close()
        seat.take(process, here)

    def _replace(self, seat: _Seat, why: str, *, is_gone: bool) -> Row:
        """Blame the trial that a worker was at, and let a new one go on with the others."""
        self._lost += 1
        code = seat.end(within_s=_ENDS_WITHIN_S if is_gone else 0.0)
        guilty, rest = seat.trials[0], seat.trials[1:]
        if self._lost > WORKERS_LOST_MAX:
            message = f"{self._lost} workers died; the last one at combination {guilty.number}: {_ended(why, code)}"
            raise WorkersLostError(message)
        self._start(seat)
        seat.give(rest)
        return Row(guilty, None, _ended(why, code))


class _Seat:
    """One worker, and the trials that it was given and has not answered."""

    connection: Connection

    def __init__(self) -> None:
        self.process: BaseProcess | None = None
        self.trials: Sequence[Trial] = ()

    def take(self, process: BaseProcess, connection: Connection) -> None:
        self.process, self.connection, self.trials = process, connection, ()

    def give(self, trials: Sequence[Trial]) -> None:
        self.trials = trials
        if trials:
            # A worker that is gone is noticed when its answer is waited for.
            with suppress(ConnectionError):
                self.connection.send_bytes(msgspec.msgpack.encode(trials))

    def hear(self) -> Row:
        row = msgspec.msgpack.decode(self.connection.recv_bytes(), type=Row)
        assert row.trial == self.trials[0], (row.trial, self.trials[0])
        self.trials = self.trials[1:]
        return row

    def end(self, *, within_s: float = 0.0) -> int:
        """End the process; returns how it had ended by itself ``within_s`` (negative: by a signal), else 0."""
        process = self.process
        if process is None:
            return 0
        process.join(timeout=within_s)
        code = process.exitcode or 0
        process.terminate()
        process.join(timeout=_ENDS_WITHIN_S)
        if process.is_alive():
            process.kill()
            process.join()
        self.connection.close()
        process.close()
        self.process = None
        return code


def _ended(why: str, code: int) -> str:
    if code < 0:
        return f"{why} (signal {signal.Signals(-code).name})"
    return f"{why} (exit code {code})" if code else why


def _chunks(trials: Sequence[Trial], workers: int) -> Iterator[Sequence[Trial]]:
    """Many at first, so that nobody waits for the next; few at last, so that all end together."""
    begin = 0
    while begin < len(trials):
        size = max(1, min(CHUNK_MAX, (len(trials) - begin) // (workers * _CHUNKS_EACH)))
        yield trials[begin : begin + size]
        begin += size


def _work(connection: Connection, stage: Stage, others: Sequence[Connection]) -> None:
    """Run trials until the other side has gone."""
    # Ctrl-C goes to every process of the terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    gc.freeze()
    evaluate = stage.open()
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(list[Trial])
    with suppress(EOFError, ConnectionError):
        while True:
            for trial in decoder.decode(connection.recv_bytes()):
                connection.send_bytes(encoder.encode(evaluate(trial)))
