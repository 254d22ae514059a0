"""What the account would hold afterwards, filled and pending together: positions, exposure, leverage, counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.risk import CheckCode, ReasonCode, RiskCheck
from fairlead.core.rules.risk_checks.exposure import Totals
from fairlead.core.rules.risk_checks.facts import NO_LIMIT, Facts, Numbers, at_least, at_most, denied, skipped
from fairlead.core.rules.risk_checks.order import percent

_SHOWN: Final = Decimal("0.0001")


def check_position(facts: Facts) -> RiskCheck:
    """Holdings of one asset, spot and perpetuals apart, as a share of equity."""
    instrument, limits = facts.instrument, facts.limits
    if instrument is None:
        return denied(CheckCode.POS, ReasonCode.INSTRUMENT_UNKNOWN, facts.order.symbol)
    is_spot = instrument.is_spot
    share = limits.position_equity_share_max_spot if is_spot else limits.position_equity_share_max_perpetual
    if share is None:
        return skipped(CheckCode.POS, NO_LIMIT)
    exposure = facts.pending.exposure
    leg = exposure.leg(facts.order)
    value = ZERO if leg is None else exposure.of_asset(leg)
    detail = f"{percent(share)} of equity, {instrument.base_currency} {'spot' if is_spot else 'perpetual'}"
    return _share(facts, (CheckCode.POS, ReasonCode.POSITION_LIMIT), value, share, detail)


def check_gross(facts: Facts) -> RiskCheck:
    """All holdings, whatever their direction, as a share of equity."""
    share = facts.limits.gross_exposure_max
    if share is None:
        return skipped(CheckCode.GROSS, NO_LIMIT)
    codes = (CheckCode.GROSS, ReasonCode.GROSS_EXPOSURE_LIMIT)
    return _share(facts, codes, _totals(facts).gross, share, f"{percent(share)} of equity")


def check_net(facts: Facts) -> RiskCheck:
    """All holdings with their signs, as a share of equity."""
    share = facts.limits.net_exposure_max
    if share is None:
        return skipped(CheckCode.NET, NO_LIMIT)
    codes = (CheckCode.NET, ReasonCode.NET_EXPOSURE_LIMIT)
    return _share(facts, codes, _totals(facts).net, share, f"{percent(share)} of equity")


def check_cluster(facts: Facts) -> RiskCheck:
    """Holdings of assets that move together, as a share of equity: the fullest of the clusters that the asset is in."""
    share, instrument = facts.limits.cluster_exposure_max, facts.instrument
    if share is None:
        return skipped(CheckCode.CORR, NO_LIMIT)
    if instrument is None:
        return denied(CheckCode.CORR, ReasonCode.INSTRUMENT_UNKNOWN, facts.order.symbol)
    clusters = [cluster for cluster in facts.limits.clusters or () if instrument.base_currency in cluster]
    if not clusters:
        return skipped(CheckCode.CORR, "the asset is in no cluster")
    exposure = facts.pending.exposure
    value, cluster = max((exposure.of_assets(cluster), cluster) for cluster in clusters)
    detail = f"{percent(share)} of equity, {' + '.join(cluster)}"
    return _share(facts, (CheckCode.CORR, ReasonCode.PORTFOLIO_CORRELATION), value, share, detail)


def check_user_exposure(facts: Facts) -> RiskCheck:
    """Holdings of all accounts of the tenant, as a share of their equity together."""
    share, others = facts.limits.user_exposure_max, facts.view.others
    if share is None:
        return skipped(CheckCode.EXPOSURE_USER, NO_LIMIT)
    if others is None or facts.pending.exposure.unpriced:
        return denied(CheckCode.EXPOSURE_USER, ReasonCode.EXPOSURE_UNKNOWN, "of all accounts together")
    if facts.equity_usd is None:
        return denied(CheckCode.EXPOSURE_USER, ReasonCode.EQUITY_UNKNOWN)
    value, equity = _totals(facts).gross + others.gross_usd, facts.equity_usd + others.equity_usd
    numbers = Numbers(value, share * equity, "USD", f"{percent(share)} of the equity of all accounts")
    return at_most(CheckCode.EXPOSURE_USER, ReasonCode.USER_EXPOSURE_LIMIT, numbers)


def check_exposure_leverage(facts: Facts) -> RiskCheck:
    """All holdings over equity: the leverage that the account really has."""
    limit = facts.limits.exposure_leverage_max
    if limit is None:
        return skipped(CheckCode.LEV, NO_LIMIT)
    codes = (CheckCode.LEV, ReasonCode.EXPOSURE_LEVERAGE_LIMIT)
    return _share(facts, codes, _totals(facts).gross, limit, f"{limit:f} x equity")


def check_leverage(facts: Facts) -> RiskCheck:
    """The leverage setting of the order's instrument; what the venue itself allows is a limit too."""
    instrument, limit = facts.instrument, facts.limits.leverage_max
    if instrument is None:
        return denied(CheckCode.LEV, ReasonCode.INSTRUMENT_UNKNOWN, facts.order.symbol)
    allowed = instrument.leverage_max if limit is None else min(limit, instrument.leverage_max)
    # Spot is never leveraged, whatever a request says.
    leverage = ONE if instrument.is_spot else facts.order.leverage
    detail = f"{facts.order.symbol} setting"
    if leverage < ONE:
        return at_least(CheckCode.LEV, ReasonCode.LEVERAGE_LIMIT, Numbers(leverage, ONE, "x", detail))
    return at_most(CheckCode.LEV, ReasonCode.LEVERAGE_LIMIT, Numbers(leverage, max(allowed, ONE), "x", detail))


def check_open_positions(facts: Facts) -> RiskCheck:
    """Holdings there may be at once; adding to one that exists opens none."""
    limit = facts.limits.open_positions_max
    if limit is None:
        return skipped(CheckCode.MAX_OPEN, NO_LIMIT)
    if not facts.is_new_holding:
        return skipped(CheckCode.MAX_OPEN, "adds to a holding that exists")
    numbers = Numbers(Decimal(_totals(facts).holdings), Decimal(limit), "positions")
    return at_most(CheckCode.MAX_OPEN, ReasonCode.TOO_MANY_POSITIONS, numbers)


def check_open_orders(facts: Facts) -> RiskCheck:
    """Open orders there may be at once."""
    limit = facts.limits.open_orders_max
    if limit is None:
        return skipped(CheckCode.MAX_OPEN, NO_LIMIT)
    count = len(facts.view.book.orders) + len(facts.pending.reserved)
    return at_most(CheckCode.MAX_OPEN, ReasonCode.TOO_MANY_ORDERS, Numbers(Decimal(count), Decimal(limit), "orders"))


def _totals(facts: Facts) -> Totals:
    return facts.pending.exposure.totals(facts.limits.position_dust_usd or ZERO)


def _share(
    facts: Facts,
    codes: tuple[CheckCode, ReasonCode],
    value: Decimal,
    share: Decimal,
    detail: str,
) -> RiskCheck:
    code, reason_code = codes
    unpriced = facts.pending.exposure.unpriced
    if unpriced:
        return denied(code, ReasonCode.EXPOSURE_UNKNOWN, ", ".join(sorted(unpriced)))
    if facts.equity_usd is None:
        return denied(code, ReasonCode.EQUITY_UNKNOWN)
    return at_most(code, reason_code, Numbers(value, share * facts.equity_usd, "USD", detail))
