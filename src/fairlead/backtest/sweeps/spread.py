"""How widely results lie: percentiles of a number over many draws."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from fairlead.market.candles.series import Floats

SHARES: Final = (5, 25, 50, 75, 95)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles of a number: ``p5`` is what a twentieth of all draws is below."""

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    mean: float


def spread_of(values: Floats) -> Spread:
    """Percentiles, linear between two draws; there must be one at least."""
    p5, p25, p50, p75, p95 = np.percentile(values, SHARES).tolist()
    return Spread(p5=p5, p25=p25, p50=p50, p75=p75, p95=p95, mean=float(values.mean()))
