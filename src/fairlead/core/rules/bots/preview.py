"""Plays a bot through before it runs: every entry, what the deal then stands at, and the worst that can come of it.

The bot is the one that will run: an imagined market carries out its wishes while the price goes, order by order, as far
as anything waits for it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import BotCommand, Direction, Instruction
from fairlead.core.model.bots.grid import GridDirection, GridMemory, GridPhase, GridSettings
from fairlead.core.model.bots.martingale import (
    MartingaleMemory,
    MartingaleSettings,
    Phase,
    StartAtPrice,
    TakeProfitFrom,
)
from fairlead.core.model.bots.preview import BotPreview, Finding, LadderRow, WorstCase
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import OrderRequest
from fairlead.core.rules.bots.grid_limits import STOP_ABOVE, STOP_BELOW
from fairlead.core.rules.bots.imagined_market import MOVES_MAX, ImaginedFill, ImaginedMarket, Terms
from fairlead.core.rules.bots.ledger import average_price
from fairlead.core.rules.bots.martingale import STOP_LOSS
from fairlead.core.rules.bots.preflight import check_instrument, check_rows
from fairlead.core.rules.bots.rules import closing_fee, make_rule
from fairlead.core.rules.bots.setting_checks import check_settings
from fairlead.core.rules.bots.targets import Targets
from fairlead.core.rules.margin import liquidation_price, profit

NOBODY: Final = "preview"
UNKNOWN_BEFORE: Final = "what a rule of your own will do is not known before: its worst case is not reserved"
_GIVEN_UP: Final = frozenset({STOP_LOSS, STOP_BELOW, STOP_ABOVE})


class _Played(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one way of the price.

    ``resting`` is the value of entries that rested before, ``at_once`` of what was opened or rested right away.
    """

    rows: tuple[LadderRow, ...]
    market: ImaginedMarket
    deepest: Deal
    last_price: Decimal
    resting: Decimal
    at_once: Decimal
    requests: tuple[OrderRequest, ...]


def new_state(settings: Settings, instrument: Instrument, terms: Terms, *, tenant: str, account_id: str) -> BotState:
    """A bot before its first decision.

    Raises:
        ValueError: there is no rule for these settings.
    """
    return BotState(
        bot_id=NOBODY,
        tenant=tenant,
        account_id=account_id,
        symbol=instrument.symbol,
        memory=make_rule(settings, instrument, terms.fees, terms.find_rule).begin(),
    )


def unplayed(instrument: Instrument, price: Decimal, findings: tuple[Finding, ...]) -> BotPreview:
    """The preview of a bot that is not played through, because of what was found."""
    nothing = WorstCase(currency=instrument.settle_currency, capital=ZERO)
    return BotPreview(symbol=instrument.symbol, price=price, rows=(), worst=nothing, growth=ZERO, findings=findings)


def preview_bot(
    state: BotState, settings: Settings, instrument: Instrument, terms: Terms, price: Decimal, *, replans: bool = False
) -> BotPreview:
    """Play a bot on from a state (for a new one: ``new_state``), as if its instrument stood at ``price`` now.

    ``replans``: these settings are newer than those of its running cycle, and count for it, too.
    """
    findings = (*check_settings(settings), *check_instrument(settings, instrument, price))
    if isinstance(settings, RuleSettings):
        findings = (*findings, Finding("type", "rule", UNKNOWN_BEFORE, refuses=False))
    if isinstance(settings, RuleSettings) or any(one.refuses for one in findings):
        return unplayed(instrument, price, findings)
    settings = _without_waiting(settings)
    command = _first_word(state, replans=replans)
    begins_at = _begin_price(settings, price) if command is not None and not replans else price
    rule = make_rule(settings, instrument, terms.fees, terms.find_rule)
    ways = [
        _play(
            ImaginedMarket(settings, rule, instrument, state, terms),
            _Reader(settings, instrument, terms),
            (begins_at, command),
            falls=falls,
        )
        for falls in _ways(settings)
    ]
    worst = max((_worst(state, one, instrument, terms, price) for one in ways), key=lambda one: one.capital)
    deepest = ways[0]
    rows = tuple(row for way in ways for row in way.rows)
    first_cost = rows[0].cost if rows else ZERO
    return BotPreview(
        symbol=instrument.symbol,
        price=begins_at,
        rows=rows,
        worst=worst,
        growth=rows[-1].cost / first_cost if first_cost else ZERO,
        findings=(*findings, *check_rows(settings, instrument, deepest.rows, worst, (state, deepest.market.state))),
        requests=deepest.requests,
    )


def _first_word(state: BotState, *, replans: bool) -> BotCommand | None:
    """What a person would say, so that everything can be seen: a cycle that waits for something begins."""
    if replans:
        return BotCommand(state.command + 1, Instruction.REPLAN)
    memory = state.memory
    is_idle = isinstance(memory, MartingaleMemory) and memory.phase in {Phase.WAITING, Phase.COOLING}
    is_idle = is_idle or (isinstance(memory, GridMemory) and memory.phase is GridPhase.WAITING)
    return BotCommand(state.command + 1, Instruction.START) if is_idle else None


def _begin_price(settings: Settings, price: Decimal) -> Decimal:
    """Where the first entry of a cycle is made: where it waits for, else here."""
    if isinstance(settings, GridSettings):
        return settings.start_price or price
    if not isinstance(settings, MartingaleSettings):
        return price
    if settings.base_price is not None:
        return settings.base_price
    return settings.start.price if isinstance(settings.start, StartAtPrice) else price


def _without_waiting(settings: Settings) -> Settings:
    """The same ladder with levels that wait for no signal and no delay, so that all of it can be seen."""
    if not isinstance(settings, MartingaleSettings):
        return settings
    return replace(settings, safety_signal="", start_delay_s=0)


def _ways(settings: Settings) -> tuple[bool, ...]:
    """Which ways the price may go against it: True for down."""
    match settings:
        case MartingaleSettings():
            return (settings.direction is Direction.LONG,)
        case GridSettings(direction=GridDirection.NEUTRAL):
            return (True, False)
        case GridSettings():
            return (settings.direction is GridDirection.LONG,)
        case _:
            return ()


def _play(market: ImaginedMarket, reader: _Reader, first: tuple[Decimal, BotCommand | None], *, falls: bool) -> _Played:
    price, command = first
    resting = market.resting_value
    market.move(price, command=command)
    at_once = market.resting_value + sum((fill.value for fill in market.fills if fill.opens), ZERO)
    requests = tuple(market.requests)
    rows, seen, deepest, last_price = reader.read(market, 0), len(market.fills), market.state.deal, price
    for _ in range(MOVES_MAX):
        if market.is_over or not market.go_on(falls=falls):
            break
        more = reader.read(market, seen)
        seen = len(market.fills)
        if more:
            rows, deepest, last_price = (*rows, *more), market.state.deal, market.price
    return _Played(
        rows=rows,
        market=market,
        deepest=deepest,
        last_price=last_price,
        resting=resting,
        at_once=at_once,
        requests=requests,
    )


class _Reader:
    """Reads rows of the ladder off an imagined market."""

    def __init__(self, settings: Settings, instrument: Instrument, terms: Terms) -> None:
        self._settings = settings
        self._instrument = instrument
        self._terms = terms
        self._first = ZERO
        self._cost = ZERO

    def read(self, market: ImaginedMarket, seen: int) -> tuple[LadderRow, ...]:
        """Rows of the entries that were filled since."""
        new = [fill for fill in market.fills[seen:] if fill.opens and fill.cycle == market.cycle]
        return tuple(self._row(fill, market) for fill in new)

    def _row(self, fill: ImaginedFill, market: ImaginedMarket) -> LadderRow:
        instrument, deal = self._instrument, market.state.deal
        cost = instrument.notional_in_quote(fill.quantity, fill.price)
        self._first = self._first or fill.price
        self._cost += cost
        return LadderRow(
            slot=fill.slot,
            price=fill.price,
            away=abs(fill.price - self._first) / self._first * HUNDRED,
            quantity=fill.quantity,
            cost=cost,
            cost_in_all=self._cost,
            held=deal.quantity,
            average=average_price(deal, instrument),
            break_even=self._break_even(self._alone(fill) if isinstance(self._settings, GridSettings) else deal),
            take_profit=market.exits,
            liquidation=_liquidation(self._settings, instrument, self._terms, deal),
        )

    def _alone(self, fill: ImaginedFill) -> Deal:
        """A fill as a deal of its own: each cell of a grid must earn its own fees."""
        is_long = fill.is_buy
        quantity, fees = fill.quantity, fill.fee
        if self._instrument.is_spot and is_long:
            quantity, fees = quantity * (ONE - fill.fee / fill.value), ZERO
        return Deal(quantity=quantity, cost=fill.value, fees=fees, is_long=is_long)

    def _break_even(self, deal: Deal) -> Decimal:
        if not deal.quantity:
            return ZERO
        direction = Direction.LONG if deal.is_long else Direction.SHORT
        rate = closing_fee(self._instrument, self._terms.fees)
        targets = Targets(self._instrument, direction, reference=TakeProfitFrom.TOTAL, fee_rate=rate, after_fees=True)
        return targets.break_even(deal)


def _liquidation(settings: Settings, instrument: Instrument, terms: Terms, deal: Deal) -> Decimal | None:
    """Where the venue would take the position away: with its own margin, or with all the cash there is (cross)."""
    if instrument.is_spot or not deal.quantity:
        return None
    margin = deal.cost / terms.leverage if settings.margin_mode is MarginMode.ISOLATED else terms.cash
    if margin is None:
        return None
    keep_rate = instrument.maintenance_margin_rate + terms.fees.perpetual_taker
    signed = deal.quantity if deal.is_long else -deal.quantity
    return liquidation_price(instrument, signed, average_price(deal, instrument), margin, keep_rate)


def _worst(state: BotState, played: _Played, instrument: Instrument, terms: Terms, price: Decimal) -> WorstCase:
    market = played.market
    opened = [fill for fill in market.fills if fill.opens and fill.cycle == state.cycle]
    value = sum((fill.value for fill in opened), ZERO)
    fees = sum((fill.fee for fill in opened), ZERO)
    margin = cost = open_loss = ZERO
    if instrument.is_spot:
        cost = value
    else:
        margin = value / terms.leverage
        now, then = _open_loss(state.deal, instrument, price), _open_loss(played.deepest, instrument, played.last_price)
        open_loss = max(ZERO, then - now)
    stop_price, loss = _given_up(state, market)
    return WorstCase(
        currency=instrument.settle_currency,
        capital=cost + margin + fees + open_loss,
        cost=cost,
        margin=margin,
        fees=fees,
        open_loss=open_loss,
        at_once=played.at_once / terms.leverage,
        resting=played.resting / terms.leverage,
        stop_price=stop_price,
        loss=loss,
    )


def _open_loss(deal: Deal, instrument: Instrument, price: Decimal) -> Decimal:
    if not deal.quantity or not price:
        return ZERO
    signed = deal.quantity if deal.is_long else -deal.quantity
    return max(ZERO, -profit(instrument, signed, average_price(deal, instrument), price))


def _given_up(state: BotState, market: ImaginedMarket) -> tuple[Decimal | None, Decimal | None]:
    """Where the deal was given up, and what was lost there after all fees."""
    if not any(reason.code in _GIVEN_UP for reason in market.reasons):
        return None, None
    closes = [fill for fill in market.fills if not fill.opens and fill.cycle == market.cycle]
    before, after = state.deal, market.state.deal
    lost = before.realized + before.realized_before - after.realized - after.realized_before
    return closes[-1].price if closes else None, lost
