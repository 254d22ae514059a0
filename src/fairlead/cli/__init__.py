"""The command line: reads options, calls the code that does the work, prints what came of it."""

from fairlead.cli.app import main

__all__ = ["main"]
