"""Settings as commands read them, and the commands that show them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import typer

from fairlead.cli.options import Options, PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_json, tell

if TYPE_CHECKING:
    from fairlead.settings import Settings, SettingsReport

VALUE_WIDTH_MAX: Final = 48


def load_settings(options: Options, **overrides: object) -> Settings:
    """Read the settings.

    Raises:
        StopError: one of them is wrong.
    """
    report = _read_for_showing({"data_dir": options.data_dir, **overrides})
    for warning in report.warnings:
        tell(f"fairlead: warning: {warning}")
    if report.settings is None:
        raise StopError("; ".join(report.problems) + " (fairlead check-config shows all settings)", EXIT_USAGE)
    return report.settings


def add_config_commands(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(
        app,
        "check-config",
        "fairlead check-config",
        "FAIRLEAD_PORT=9000 fairlead check-config --json",
    )(check_config)
    add_command(app, "version", "fairlead version")(show_version)


def check_config(options: PrintOptions) -> None:
    """Show every setting, where its value comes from, and what is wrong with it.

    Exits with 2 when something is wrong, a variable FAIRLEAD_... that is no setting too: other commands only warn of
    it. Passwords inside URLs are blanked, and so is what looks like a secret wherever it stands.
    """
    report = _read_for_showing({"data_dir": options.data_dir})
    if options.as_json:
        say_json(report.model_dump(mode="json", exclude={"settings"}))
    else:
        _print_report(report)
    wrong = [*report.problems, *report.warnings]
    if wrong:
        raise StopError(f"{len(wrong)} to correct: " + "; ".join(wrong), EXIT_USAGE)


def _read_for_showing(overrides: Mapping[str, object]) -> SettingsReport:
    """A secret may have been put into a setting that is not made for one; only ``settings`` have it then."""
    from fairlead.observing.redaction import Redactor, redact_sentence
    from fairlead.settings import read_settings

    report = read_settings(overrides)
    redactor = Redactor(report.settings.secrets if report.settings is not None else ())
    lines = [
        line.model_copy(
            update={"value": redactor.redact_text(line.value), "problem": redact_sentence(line.problem)},
        )
        for line in report.lines
    ]
    problems = [redact_sentence(problem) for problem in report.problems]
    return report.model_copy(update={"lines": lines, "problems": problems})


def _print_report(report: SettingsReport) -> None:
    width = max(len(line.variable) for line in report.lines)
    values = min(VALUE_WIDTH_MAX, max(len(line.value) for line in report.lines))
    for line in report.lines:
        say(f"{line.variable:<{width}}  {line.value or '-':<{values}}  {line.origin:<12}  {line.description}")
        if line.problem:
            say(f"{'':<{width}}  wrong: {line.problem}")
    say("problems: " + ("; ".join([*report.problems, *report.warnings]) or "none"))


def show_version(options: PrintOptions) -> None:
    """Print the version."""
    number = version("fairlead")
    if options.as_json:
        say_json({"version": number})
    else:
        say(f"fairlead {number}")
