"""Runs trials that are not on disk yet, keeps each row as it comes, and says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from fairlead.backtest.sweeps.row_file import RowFile
from fairlead.backtest.sweeps.trials import Row, Stage, Trial
from fairlead.backtest.sweeps.workers import WorkerPool

Progress = Callable[[int, int], None]
"""Hears how many of how many trials are done."""


def no_progress(_done: int, _total: int) -> None:
    """Tell nobody."""


class TrialRunner:
    """Trials of one stage; workers start with the first trial that nobody has run."""

    def __init__(
        self, stage: Stage, file: RowFile, *, workers: int = 0, total: int = 0, progress: Progress = no_progress
    ) -> None:
        """Begin; ``total`` is how many trials there will be in all, as far as anybody knows."""
        self._stage = stage
        self._file = file
        self._workers = workers
        self._total = total
        self._progress = progress
        self._pool: WorkerPool | None = None
        self.done = 0
        self.fresh = 0

    def run(self, trials: Sequence[Trial]) -> list[Row]:
        """Rows of these trials, in their order.

        Raises:
            WorkersLostError: workers kept dying.
            OSError: a row cannot be kept.
        """
        known = self._file.rows
        missing = [trial for trial in dict.fromkeys(trials) if trial not in known]
        faults: dict[Trial, Row] = {}
        self._advance(len(trials) - len(missing))
        if missing:
            self._pool = self._pool or WorkerPool(self._stage, self._workers)
            for row in self._pool.evaluate(missing):
                self._file.append(row)
                self.fresh += 1
                if row.figures is None:
                    faults[row.trial] = row
                self._advance(1)
        return [known.get(trial) or faults[trial] for trial in trials]

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __enter__(self) -> Self:
        """Go on."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End the workers."""
        self.close()

    def _advance(self, more: int) -> None:
        self.done += more
        self._progress(self.done, max(self._total, self.done))
