"""`fairlead serve`: run until Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.options import Options, add_command
from fairlead.cli.output import program_name, tell
from fairlead.cli.records import ask_database, prepare_database, run_uninterrupted, take_folder
from fairlead.cli.serving import start_failures_explained

FIRST_STEPS: Final = """\
Nobody can use this yet. In another terminal, and no restart is needed:
  {program} user add NAME --data {folder}
  {program} account add paper-1 --data {folder}
  {program} hook add my-strategy --data {folder}
"""


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Options):
    """Where to listen."""

    host: Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")] = None
    port: Annotated[int | None, typer.Option(help="Port to listen on (default 8000; 0 picks a free one).")] = None
    public: Annotated[bool, typer.Option("--public", help="Allow an address that other machines can reach.")] = False


def add_serve(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "serve",
        "fairlead serve",
        "fairlead serve --data /srv/fairlead --port 9000",
        "fairlead serve --host 0.0.0.0 --public      behind a firewall or a proxy that ends TLS",
    )(serve)


def serve(options: ServeOptions) -> None:
    """Run Fairlead: hooks, order path and paper venues, until Ctrl-C.

    Start is recovery: whatever was open when the last run ended is settled first. A change made by another command
    (user, account, group, hook) is noticed without a restart.
    """
    from fairlead import wiring

    settings = load_settings(
        options,
        host=options.host,
        port=options.port,
        public_listen=options.public or None,
    )
    with take_folder(settings) as lock:
        prepare_database(settings, lock)
        if not run_uninterrupted(ask_database(settings, lambda registry: registry.users.list_all())):
            tell(FIRST_STEPS.format(program=program_name(), folder=settings.data_dir))
        with start_failures_explained(settings):
            wiring.serve(settings, lock)
    tell(f"Stopped. Everything is kept in {settings.data_dir}.")
