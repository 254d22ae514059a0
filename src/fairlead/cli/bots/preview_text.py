"""A bot that was played through, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fairlead.cli.output import table_lines

if TYPE_CHECKING:
    from fairlead.wiring.previewing import BotCheck


def check_lines(check: BotCheck) -> Iterator[str]:
    """The ladder, the worst case, and what speaks against it."""
    from fairlead.core.rules.sizing import show
    from fairlead.reporting.ladder_text import ladder_rows, money, worst_case_lines

    preview, worst = check.preview, check.preview.worst
    where = f"{preview.symbol} on {check.account.label} ({check.account.mode.value})"
    if preview.rows:
        yield f"{where}, from {show(preview.price)} {check.instrument.quote_currency}"
        yield ""
        yield from (f"  {line}" for line in table_lines(ladder_rows(preview, check.instrument)))
        yield ""
        yield from (f"  {line}" for line in worst_case_lines(worst))
        others = f", of which other bots may take {money(check.by_others, worst.currency)}" if check.by_others else ""
        yield f"  free         {money(check.free, worst.currency)}{others}"
        if preview.growth > 1:
            yield f"  growth       the last level costs {show(round(preview.growth, 1))} times the first"
    else:
        yield f"{where}: nothing to show"
    for one in check.findings:
        word = "refused" if one.refuses else "mind"
        yield f"  {word:<12} {one.field} = {one.value}: {one.rule}"
