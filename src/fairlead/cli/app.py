"""The command `fairlead` and all its parts."""

from __future__ import annotations

import typer

from fairlead.cli.accounts import accounts
from fairlead.cli.backtest import backtests
from fairlead.cli.backup import add_backup
from fairlead.cli.bots import bots
from fairlead.cli.candles import candles
from fairlead.cli.config import add_config_commands
from fairlead.cli.databases import databases
from fairlead.cli.demo import add_demo
from fairlead.cli.drift import drifts
from fairlead.cli.drift_report import add_drift_report
from fairlead.cli.explain import add_explain
from fairlead.cli.groups import groups
from fairlead.cli.hook_probe import add_hook_probe
from fairlead.cli.hooks import hooks
from fairlead.cli.kill import add_kill
from fairlead.cli.memory import keep_memory_private
from fairlead.cli.notifications import notify
from fairlead.cli.policies import policies
from fairlead.cli.serve import add_serve
from fairlead.cli.simulate import add_simulate
from fairlead.cli.storage import add_storage_commands
from fairlead.cli.users import users
from fairlead.cli.vault import vault
from fairlead.cli.venues import venues
from fairlead.observing.crashes import CrashesShownSafely

ABOUT = """Guides every trading signal to exactly one risk-checked order per account, and shows why.

\b
Begin with:
  fairlead demo              everything at once, with pretend money, in a temporary folder
  fairlead serve             the same without demo content, in your data folder
  fairlead simulate          an exchange that speaks OKX, for other programs to trade on
  fairlead explain ID        why an alert became these orders, or none
  fairlead kill platform     stop everything, now

Settings come from FAIRLEAD_* variables and from fairlead.toml in the data folder; see them with fairlead check-config.
Exit codes: 0 done, 1 no (not found, refused, problems found), 2 wrong usage or settings, 130 stopped by Ctrl-C before
it was done. A server that is told to stop ends with 0.
"""

app = typer.Typer(
    name="fairlead",
    help=ABOUT,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
add_demo(app)
add_serve(app)
add_simulate(app)
add_explain(app)
add_kill(app)
app.add_typer(users, name="user")
app.add_typer(accounts, name="account")
app.add_typer(groups, name="group")
app.add_typer(bots, name="bot")
app.add_typer(backtests, name="backtest")
app.add_typer(candles, name="candles")
app.add_typer(drifts, name="drift")
add_hook_probe(hooks)
app.add_typer(hooks, name="hook")
app.add_typer(policies, name="policy")
app.add_typer(notify, name="notify")
app.add_typer(vault, name="vault")
app.add_typer(venues, name="venue")
add_storage_commands(app)
add_drift_report(app)
app.add_typer(databases, name="db")
add_backup(app)
add_config_commands(app)


def run() -> None:
    """Run the command line."""
    keep_memory_private()
    with CrashesShownSafely():
        app(prog_name="fairlead")
