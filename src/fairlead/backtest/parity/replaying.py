"""Replays one stretch of a bot's day: from the state that it stood at, over the candles of that time."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.backtest.parity.comparing import Replayed, ReplayedOrder
from fairlead.backtest.parity.stretches import Stretch, Trade
from fairlead.backtest.result import BacktestResult, Fill
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.martingale import EntryMode, MartingaleSettings
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import SizeUnit
from fairlead.core.rules.bots.rules import FindRule, no_rules
from fairlead.market.candles.series import CandleSeries

CASH: Final = Decimal(10) ** 12
"""What other bots and people left for this one is not known; live risk checks said what they said."""


def replay(stretch: Stretch, series: CandleSeries, find_rule: FindRule = no_rules) -> Replayed | None:
    """Let the rule go on from the stretch's state; None: its candles are not there.

    It begins at the close that is nearest to the beginning of the stretch, and goes on to the last candle where the
    stretch ends with its cycle, because the replay may end it later.

    Raises:
        ValueError: the rule cannot be read.
    """
    cut = _cut(stretch, series)
    if cut is None:
        return None
    state, terms = stretch.state, stretch.terms
    name, instrument = state.bot_id, terms.instrument
    spec = BacktestSpec(
        bots=(BotSpec(name=name, symbol=series.symbol, settings=stretch.settings),),
        cash=CASH,
        currency=instrument.settle_currency,
        timeframe=series.timeframe,
        # What a live bot knew of its conditions is in the journal, and nothing that it could not know yet comes in.
        warm_up=False,
        terms=ReplayTerms(
            fees=terms.fee_rates,
            fee_currency=fee_currency_of(stretch),
            # A live bot is asked at each touch.
            intra_bar=IntraBar.PATH,
            funding=False,
        ),
    )
    extras = Extras(
        find_rule=find_rule,
        begins={name: state},
        signals={name: stretch.signals},
        keep_orders=True,
    )
    result = run_backtest(spec, {series.symbol: cut}, {series.symbol: instrument}, extras)
    return _replayed(result, stretch, cut)


def depends_on_cash(settings: Settings, stretch: Stretch) -> bool:
    """Whether its sizes are shares of what the account has free, which no bot's journal tells."""
    named = (getattr(settings, name, None) for name in ("base_order", "safety_order", "per_line"))
    wanted = (order.want.size for order in stretch.orders.values() if order.want.opens)
    return any(size is not None and size.unit is SizeUnit.PERCENT for size in (*named, *wanted))


def _sees_prices(settings: Settings) -> bool:
    """Whether orders follow from the price that the rule is asked at, and not from fills and ladders alone."""
    if isinstance(settings, MartingaleSettings):
        return settings.entry_mode is EntryMode.TRIGGER
    return isinstance(settings, RuleSettings)


def fee_currency_of(stretch: Stretch) -> FeeCurrency:
    """In what spot buys paid, as far as there were any."""
    buys = [order for order in stretch.orders.values() if order.fee_base or order.fee_settle]
    paid_quote = stretch.terms.instrument.is_spot and any(
        order.fee_settle and order.want.side.value == "buy" for order in buys
    )
    return FeeCurrency.QUOTE if paid_quote else FeeCurrency.RECEIVED


def _cut(stretch: Stretch, series: CandleSeries) -> CandleSeries | None:
    """From the candle at whose close the stretch begins to the one at whose close it ends."""
    length_ms = series.length_ms
    begin_ms = _nearest(stretch.begin_ms, length_ms) - length_ms
    end_ms = series.end_ms if stretch.is_last_of_cycle else _nearest(stretch.end_ms, length_ms)
    begin_ms = max(begin_ms, series.begin_ms)
    if end_ms - begin_ms < length_ms:
        return None
    try:
        return series.between(begin_ms, end_ms)
    except ValueError:
        return None


def _nearest(at_ms: int, length_ms: int) -> int:
    return (at_ms + length_ms // 2) // length_ms * length_ms


def trades_of(result: BacktestResult, instrument: Instrument) -> list[Trade]:
    """The fills of a run of one bot, as its journal would tell of them."""
    limits = {(order.slot, order.to_ms): order.price for order in result.orders if order.is_filled}
    return [_trade(fill, limits.get((fill.slot, fill.at_ms)), result.spec.terms, instrument) for fill in result.fills]


def _replayed(result: BacktestResult, stretch: Stretch, series: CandleSeries) -> Replayed:
    trades = trades_of(result, stretch.terms.instrument)
    return Replayed(
        trades=[trade for trade in trades if trade.cycle == stretch.state.cycle],
        orders=[
            ReplayedOrder(slot=one.slot, price=one.price, from_ms=one.from_ms, to_ms=one.to_ms) for one in result.orders
        ],
        candle_ms=series.length_ms,
        end_ms=series.end_ms,
        sees_prices=_sees_prices(stretch.settings),
        mark=series.price(int(series.close[-1])),
    )


def _trade(fill: Fill, limit: Decimal | None, terms: ReplayTerms, instrument: Instrument) -> Trade:
    in_coin = instrument.is_spot and fill.is_buy and terms.fee_currency is FeeCurrency.RECEIVED
    rates = terms.fees
    maker, taker = (
        (rates.spot_maker, rates.spot_taker) if instrument.is_spot else (rates.perpetual_maker, rates.perpetual_taker)
    )
    return Trade(
        cycle=fill.cycle,
        slot=fill.slot,
        at_ms=fill.at_ms,
        is_buy=fill.is_buy,
        opens=fill.opens,
        quantity=fill.quantity,
        price=fill.price,
        value=fill.value,
        fee_base=fill.quantity * (maker if fill.is_maker else taker) if in_coin else ZERO,
        fee_settle=ZERO if in_coin else fill.fee,
        limit=limit,
    )
