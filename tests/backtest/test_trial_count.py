from __future__ import annotations

from pathlib import Path

from fairlead.backtest.trial_count import COUNT_NAME, count_trials


def test_runs_are_counted_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert count_trials(folder) == 0
    assert count_trials(folder, 12) == 12
    assert count_trials(folder, 3) == 15
    assert count_trials(folder) == 15
    assert (folder / COUNT_NAME).stat().st_mode & 0o077 == 0


def test_a_file_that_says_nothing_counts_from_zero(tmp_path: Path) -> None:
    (tmp_path / COUNT_NAME).write_text("twelve\n", encoding="utf-8")
    assert count_trials(tmp_path, 2) == 2
