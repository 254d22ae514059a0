"""`fairlead candles list`: what there is."""

from __future__ import annotations

import typer

from fairlead.cli.candles.options import opened_archive
from fairlead.cli.moments import moment_text
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import program_name, say_rows


def add_list(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(app, "list", "fairlead candles list", "fairlead candles list --json")(list_series)


def list_series(options: PrintOptions) -> None:
    """List the candles that are kept: how many, from when to when, how many are missing in between."""
    with opened_archive(options) as archive:
        from fairlead.core.model.money import format_amount
        from fairlead.market.candles.checks import count_missing
        from fairlead.market.candles.funding import load_funding

        rows: list[dict[str, object]] = []
        for name in archive.names():
            times, manifest = archive.times(name), archive.manifest(name)
            fundings, _ = load_funding(archive.root / name.exchange, name.symbol)
            rows.append(
                {
                    "exchange": name.exchange,
                    "symbol": name.symbol,
                    "timeframe": name.timeframe,
                    "candles": len(times),
                    "from": moment_text(int(times[0])),
                    "to": moment_text(int(times[-1]) + name.length_ms),
                    "missing": count_missing(times, name.length_ms),
                    "tick": format_amount(manifest.tick),
                    "funding_rates": len(fundings),
                    "source": manifest.source,
                }
            )
    empty = f"No candles are kept: {program_name()} candles generate BTC-USDT makes some up"
    say_rows(rows, as_json=options.as_json, empty=empty)
