"""`fairlead bot`: bots that trade by a rule."""

from __future__ import annotations

from typing import Final

import typer

from fairlead.cli.bots.carrying import add_carrying
from fairlead.cli.bots.creating import add_creating
from fairlead.cli.bots.steering import add_steering
from fairlead.cli.bots.watching import add_watching

bots: Final = typer.Typer(help="Bots: rules that trade by themselves.", no_args_is_help=True, rich_markup_mode=None)
add_creating(bots)
add_watching(bots)
add_steering(bots)
add_carrying(bots)
