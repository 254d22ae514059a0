"""Plays bots through on the accounts that they would trade on: as stored now, with what other bots there may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from fairlead.accounts.registry.bots import KnownBot
from fairlead.accounts.registry.naming import Refused, unknown
from fairlead.core.model.account import MarginMode, PositionSide, VenueAccount
from fairlead.core.model.bots.bot import BotState, BotStatus, Settings, Stimulus, Wish
from fairlead.core.model.bots.decision import Direction, Tripwire
from fairlead.core.model.bots.grid import GridDirection
from fairlead.core.model.bots.martingale import MartingaleSettings, Reserve
from fairlead.core.model.bots.preview import BotPreview, Finding
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.events import RequestDenied
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import flat_quote
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.rules.bots.imagined_market import Terms
from fairlead.core.rules.bots.preflight import check_capital
from fairlead.core.rules.bots.preview import new_state, preview_bot, unplayed
from fairlead.core.rules.bots.rules import FindRule, make_rule, no_rules
from fairlead.core.rules.bots.setting_checks import check_settings
from fairlead.core.rules.bots.step import take_step
from fairlead.core.rules.margin import leverage_of
from fairlead.core.rules.replay import InstrumentsOf
from fairlead.core.rules.valuation import available_of
from fairlead.store.queries.bots import Bot, load_settings, load_states
from fairlead.store.session import Store
from fairlead.wiring.rehearsing import Stage, set_stage
from fairlead.wiring.replaying import instruments_of_accounts

PAPER = "paper"
_OVER = frozenset({BotStatus.STOPPED, BotStatus.FINISHED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BotPlan:
    """A bot to be played through; ``account`` is a label or an id, ``state`` None for a new bot.

    ``bot_id`` is the bot's own when it exists, so that it does not stand in its own way. ``price`` goes before the
    one that is stored. ``replans``: these settings shall count for the running cycle, too.
    """

    account: str
    symbol: str
    settings: Settings
    price: Decimal | None = None
    state: BotState | None = None
    bot_id: str = ""
    replans: bool = False

    def having(self, settings: Settings) -> BotPlan:
        """The same with other settings."""
        return replace(self, settings=settings)


def plan_of(found: KnownBot, price: Decimal | None = None, *, replans: bool = False) -> BotPlan:
    """A bot as it stands, to be played on; ``price`` is for where none is stored."""
    bot = found.bot
    return BotPlan(
        account=bot.account_id,
        symbol=bot.symbol,
        settings=bot.settings,
        price=price,
        state=found.state,
        bot_id=bot.bot_id,
        replans=replans,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BotCheck:
    """A bot played through on its account.

    ``free`` is what the account has for new orders and ``by_others`` what its other bots may still take of it, in the
    currency of the worst case. ``findings`` are those of the preview and of the account.
    """

    account: VenueAccount
    instrument: Instrument
    settings: Settings
    preview: BotPreview
    free: Decimal
    by_others: Decimal
    findings: tuple[Finding, ...]

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """What speaks against it for good."""
        return tuple(one for one in self.findings if one.refuses)


class PriceUnknown(Refused, frozen=True, kw_only=True):
    """All that is missing is the price of an instrument of an account that is far away."""

    account: VenueAccount
    symbol: str


@dataclass(frozen=True, slots=True)
class BotStage:
    """The accounts of a tenant, with their bots, as stored now.

    ``states`` are those of bots, and ``older`` the settings of their running cycles where there are newer ones.
    """

    stage: Stage
    states: Mapping[str, BotState]
    older: Mapping[str, Settings]
    instruments_of: InstrumentsOf
    tenant: str
    now_ms: int
    find_rule: FindRule = no_rules

    def find_market(self, plan: BotPlan) -> tuple[VenueAccount, Instrument, Decimal] | Refused:
        """Account, instrument and last price of a bot."""
        accounts = self.stage.directory.list_accounts(self.tenant)
        account = next((one for one in accounts if plan.account in {one.label, one.account_id}), None)
        if account is None:
            return unknown("account", plan.account, [one.label for one in accounts])
        instruments = self.instruments_of(account.account_id)
        instrument = instruments.get(plan.symbol)
        if instrument is None:
            return unknown("instrument", plan.symbol, instruments)
        quote = self.stage.quotes.get(plan.symbol) if account.kind == PAPER else None
        price = plan.price or (None if quote is None else quote.last)
        if price is None:
            message = (
                f"no price of {plan.symbol} at {account.exchange} is known here: name one, --price on the command line"
            )
            return PriceUnknown(message=message, account=account, symbol=plan.symbol)
        return account, instrument, price

    def check(self, plan: BotPlan) -> BotCheck | Refused:
        """Play a bot through, and say everything that speaks against it."""
        found = self.find_market(plan)
        if isinstance(found, Refused):
            return found
        account, instrument, price = found
        try:
            preview = self._preview(plan, account, instrument, price)
        except ValueError as error:
            return Refused(message=str(error))
        free = self._free(account, instrument.settle_currency)
        by_others = sum((self.outstanding(bot) for bot in self._others(account, instrument, plan.bot_id)), ZERO)
        capital = None
        if preview.rows:
            own = preview.worst.resting
            capital = check_capital(preview.worst, plan.settings, free=free + own, by_others=by_others)
        return BotCheck(
            account=account,
            instrument=instrument,
            settings=plan.settings,
            preview=preview,
            free=free,
            by_others=by_others,
            findings=(
                *preview.findings,
                *([] if capital is None else [capital]),
                *self._denials(account, instrument, preview),
            ),
        )

    def outstanding(self, bot: Bot) -> Decimal:
        """What a bot may still take of what its account has free, in the settle currency of its instrument."""
        state = self.states.get(bot.bot_id)
        if self.is_over(bot):
            return ZERO
        if isinstance(bot.settings, MartingaleSettings) and bot.settings.reserve is Reserve.RESTING:
            return ZERO
        found = self._market_of(bot)
        if isinstance(found, Refused):
            return ZERO
        plan = BotPlan(account=bot.account_id, symbol=bot.symbol, settings=self.settings_of(bot), state=state)
        worst = self._preview(plan, *found).worst
        # Fees of what rests already are nothing that anybody else could spend.
        return worst.capital if state is None else max(ZERO, worst.capital - worst.fees - worst.resting)

    def is_over(self, bot: Bot) -> bool:
        """Whether it takes no more of its account: it has ended, or its owner has stopped it."""
        state = self.states.get(bot.bot_id)
        return bot.wish not in {Wish.RUN, Wish.PAUSE} or (state is not None and state.status in _OVER)

    def settings_of(self, bot: Bot) -> Settings:
        """The settings that a bot's running cycle goes by."""
        return self.older.get(bot.bot_id, bot.settings)

    def reserved_text(self, bot: Bot) -> str:
        """The same with its currency; empty for a bot that takes no more."""
        found = self._market_of(bot)
        amount = self.outstanding(bot)
        if isinstance(found, Refused) or not amount:
            return ""
        return f"{format_amount(round(amount, 2))} {found[1].settle_currency}"

    def wires_of(self, bot: Bot, account: VenueAccount, instrument: Instrument, price: Decimal) -> tuple[Tripwire, ...]:
        """What would wake a bot as it stands, at a price."""
        state = self.states.get(bot.bot_id)
        if state is None or state.status in _OVER or isinstance(bot.settings, RuleSettings):
            return ()
        rule = make_rule(self.settings_of(bot), instrument, account.fee_rates, self.find_rule)
        stimulus = Stimulus(at_ms=self.now_ms, price=price, wish=bot.wish)
        return take_step(state, rule, instrument, stimulus).wires

    def _market_of(self, bot: Bot) -> tuple[VenueAccount, Instrument, Decimal] | Refused:
        """Account, instrument and price of a bot; its newest fill tells the price where no market is stored."""
        state = self.states.get(bot.bot_id)
        plan = BotPlan(account=bot.account_id, symbol=bot.symbol, settings=bot.settings)
        found = self.find_market(plan)
        if not isinstance(found, Refused) or state is None or not state.deal.last_price:
            return found
        return self.find_market(replace(plan, price=state.deal.last_price))

    def _others(self, account: VenueAccount, instrument: Instrument, bot_id: str) -> Iterator[Bot]:
        """Other bots of the account that spend the same currency."""
        instruments = self.instruments_of(account.account_id)
        for bot in self.stage.directory.roster.bots.values():
            known = instruments.get(bot.symbol)
            if bot.account_id != account.account_id or bot.bot_id == bot_id or known is None:
                continue
            if known.settle_currency == instrument.settle_currency:
                yield bot

    def _preview(self, plan: BotPlan, account: VenueAccount, instrument: Instrument, price: Decimal) -> BotPreview:
        wrong = check_settings(plan.settings)
        if any(one.refuses for one in wrong):
            # A ladder out of its range may have a million levels: it is not even built.
            return unplayed(instrument, price, wrong)
        terms = Terms(
            fees=account.fee_rates,
            at_ms=self.now_ms,
            leverage=self._leverage(plan.settings, account, instrument),
            cash=self._free(account, instrument.settle_currency),
            find_rule=self.find_rule,
        )
        state = plan.state
        if state is None or state.status in _OVER:
            ids = {"tenant": account.tenant, "account_id": account.account_id}
            state = new_state(plan.settings, instrument, terms, **ids)
        replans = plan.replans and state is plan.state
        return preview_bot(state, plan.settings, instrument, terms, price, replans=replans)

    def _leverage(self, settings: Settings, account: VenueAccount, instrument: Instrument) -> Decimal:
        book = self.stage.book_of(account)
        key = book.leverage_key(instrument.symbol, settings.margin_mode or MarginMode.CROSS, _side(settings))
        return leverage_of(settings.leverage, instrument, book.leverages.get(key))

    def _free(self, account: VenueAccount, currency: str) -> Decimal:
        book = self.stage.book_of(account)
        values = self.stage.worth(account).positions
        return available_of(book, currency, values) or ZERO

    def _denials(self, account: VenueAccount, instrument: Instrument, preview: BotPreview) -> Iterator[Finding]:
        """What the account's risk checks and policies would say to what the bot asks first, each on its own."""
        stage, symbol = self.stage, instrument.symbol
        if account.kind != PAPER:
            quote = flat_quote(symbol, preview.price, self.now_ms)
            instruments = self.instruments_of(account.account_id)
            stage = replace(stage, instruments=instruments, quotes={**stage.quotes, symbol: quote})
        told: set[str] = set()
        for request in preview.requests:
            played = stage.play(request, self.now_ms)
            if played is None or not isinstance(played.outcome, RequestDenied):
                continue
            outcome = played.outcome
            if outcome.reason_code not in told:
                told.add(outcome.reason_code)
                yield Finding("risk", outcome.reason_code, f"would be denied now: {outcome.message}", refuses=False)


async def set_bot_stage(
    store: Store, url: str, tenant: str, *, now_ms: int, seed: int, find_rule: FindRule = no_rules
) -> BotStage:
    """Read everything that a preview looks at; ``url`` is that of the store, ``find_rule`` finds what people wrote."""
    stage = await set_stage(store, tenant, now_ms=now_ms, seed=seed)
    async with store.system_session() as system:
        states = await load_states(system)
        versions = {
            bot_id: states[bot_id].settings_version
            for bot_id, bot in stage.directory.roster.bots.items()
            if bot_id in states and states[bot_id].settings_version != bot.settings_version
        }
        older = await load_settings(system, versions) if versions else {}
    return BotStage(stage, states, older, instruments_of_accounts(url), tenant, now_ms, find_rule)


def _side(settings: Settings) -> PositionSide:
    if isinstance(settings, RuleSettings):
        return PositionSide.NET
    is_short = settings.direction in {Direction.SHORT, GridDirection.SHORT}
    return PositionSide.SHORT if is_short else PositionSide.LONG
