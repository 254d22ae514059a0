"""Bots: what they are, what their owners want of them, and what they are told while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.accounts.registry.naming import Refused, check_name, unknown
from fairlead.accounts.wrong_values import show_value
from fairlead.core.model import ids
from fairlead.core.model.bots.bot import BotState, Settings, Wish
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import BotCommand, Instruction
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, AmountError, format_amount, parse_amount
from fairlead.core.model.request import Size
from fairlead.core.rules.bots.ledger import is_sellable, sellable
from fairlead.core.rules.bots.rules import can_replan
from fairlead.core.rules.bots.setting_checks import check_settings
from fairlead.core.rules.replay import InstrumentsOf
from fairlead.ports import Clock
from fairlead.store.queries import accounts as account_rows
from fairlead.store.queries import bots as rows
from fairlead.store.queries import users as user_rows
from fairlead.store.queries.bots import COMMANDS_WAITING_MAX, Bot
from fairlead.store.session import Session, Store

BOTS_MAX: Final = 1_000
"""Of one tenant."""


CANNOT_REPLAN: Final = (
    "only a martingale can go on by other settings, in the same direction; said without now, they count from the next "
    "cycle"
)


class BotWish(msgspec.Struct, frozen=True, kw_only=True):
    """A bot that somebody wants; ``account`` is a label or an id."""

    name: str
    account: str
    symbol: str
    settings: Settings
    owner: str = ""
    wish: Wish = Wish.RUN


class KnownBot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot as it is configured, the label of its account, and how it stands; no state before it first decided."""

    bot: Bot
    account: str
    state: BotState | None


def _no_instruments(_: str) -> Mapping[str, Instrument]:
    return {}


class BotEdit(msgspec.Struct, frozen=True, kw_only=True):
    """Newer settings of a bot, which count from its next cycle on; ``now``: for the running one, too.

    Then ``by`` is who says so, for it is a word to the running bot. ``version`` is that of the settings which they
    were made from; None: of whichever are stored.
    """

    settings: Settings
    by: str = ""
    now: bool = False
    version: int | None = None


class StaleEdit(Refused, frozen=True, kw_only=True):
    """Somebody else gave the bot newer settings meanwhile: those of ``version``."""

    version: int


class StillTrades(Refused, frozen=True, kw_only=True):
    """The bot holds something or has orders."""


class BotRegistry:
    """Adds, finds and changes bots; a running server takes it up within a moment."""

    def __init__(self, store: Store, clock: Clock, instruments_of: InstrumentsOf = _no_instruments) -> None:
        """Work on one database; ``instruments_of`` tells what of a holding is too little to be sold."""
        self._store = store
        self._clock = clock
        self._instruments_of = instruments_of

    async def create(self, tenant: str, wish: BotWish) -> KnownBot | Refused:
        """Add a bot under a new name; its owner is the first user of the tenant unless one is named."""
        async with self._store.session(tenant, writes=True) as session:
            refused = check_name("bot name", wish.name) or _check_ranges(wish.settings)
            if refused is not None:
                return refused
            known = await rows.list_bots(session)
            if any(bot.name == wish.name for bot in known):
                return Refused(message=f"there is a bot {wish.name!r} already; choose another name")
            if len(known) >= BOTS_MAX:
                return Refused(message=f"there are {BOTS_MAX} bots already, which is the most; remove one first")
            accounts = await account_rows.list_accounts(session)
            account = next((one for one in accounts if wish.account in {one.label, one.account_id}), None)
            if account is None:
                return unknown("account", wish.account, [one.label for one in accounts])
            owner = wish.owner or await _first_user(session)
            now_ms = self._clock.now_ms()
            bot = Bot(
                bot_id=ids.derive_id(now_ms, "bot", tenant, wish.name)[-16:],
                tenant=tenant,
                owner=owner,
                account_id=account.account_id,
                name=wish.name,
                symbol=wish.symbol,
                wish=wish.wish,
                settings_version=1,
                settings=wish.settings,
                created_ms=now_ms,
            )
            await rows.add_bot(session, bot)
            return KnownBot(bot=bot, account=account.label, state=None)

    async def edit(self, tenant: str, name: str, edit: BotEdit) -> KnownBot | Refused:
        """Give a bot new settings, unless it got others since these were made."""
        async with self._store.session(tenant, writes=True) as session:
            found = _check_ranges(edit.settings) or await _find(session, name)
            if isinstance(found, Refused):
                return found
            known = found.bot.settings_version
            if edit.version not in {None, known}:
                message = f"{found.bot.name} has settings of version {known} by now: look at them, then edit those"
                return StaleEdit(message=message, version=known)
            bot = replace(found.bot, settings=edit.settings, settings_version=known + 1)
            if edit.now and not can_replan(found.bot.settings, edit.settings):
                return Refused(message=CANNOT_REPLAN)
            now_ms = self._clock.now_ms()
            await rows.save_settings(session, replace(bot, created_ms=now_ms))
            if edit.now:
                command = BotCommand(await rows.next_command(session, bot.bot_id), Instruction.REPLAN)
                await rows.add_command(session, bot.bot_id, command, by=edit.by, created_ms=now_ms)
            return replace(found, bot=bot)

    async def set_wish(self, tenant: str, name: str, wish: Wish) -> KnownBot | Refused:
        """Say what is wanted of a bot: run, pause, stop."""
        async with self._store.session(tenant, writes=True) as session:
            found = await _find(session, name)
            if isinstance(found, Refused):
                return found
            await rows.save_wish(session, found.bot.bot_id, wish)
            return replace(found, bot=replace(found.bot, wish=wish))

    async def tell(
        self, tenant: str, name: str, instruction: Instruction, *, size: Size | None = None, by: str
    ) -> tuple[KnownBot, BotCommand] | Refused:
        """Tell a bot something while it runs."""
        async with self._store.session(tenant, writes=True) as session:
            found = _check_size(size) or await _find(session, name)
            if isinstance(found, Refused):
                return found
            return await self._add_word(session, found, BotCommand(0, instruction, size), by)

    async def signal(
        self, tenant: str, name: str, signal: str, *, key: str, by: str
    ) -> tuple[KnownBot, BotCommand] | Refused:
        """Tell a bot that a condition holds now; the same key again tells nothing, and answers with the first."""
        async with self._store.session(tenant, writes=True) as session:
            found = check_name("signal", signal) or await _find(session, name)
            if isinstance(found, Refused):
                return found
            known = await rows.find_command(session, found.bot.bot_id, key) if key else None
            if known is not None:
                return found, known
            word = BotCommand(0, Instruction.SIGNAL, signal=signal, key=key, at_ms=self._clock.now_ms())
            return await self._add_word(session, found, word, by)

    async def _add_word(
        self, session: Session, found: KnownBot, word: BotCommand, by: str
    ) -> tuple[KnownBot, BotCommand] | Refused:
        number = await rows.next_command(session, found.bot.bot_id)
        taken = 0 if found.state is None else found.state.command
        if number - taken > COMMANDS_WAITING_MAX:
            message = f"{found.bot.name} has {COMMANDS_WAITING_MAX} words that it has not taken yet; does a server run?"
            return Refused(message=message)
        command = replace(word, number=number)
        await rows.add_command(session, found.bot.bot_id, command, by=by, created_ms=self._clock.now_ms())
        return found, command

    async def remove(self, tenant: str, name: str, *, keep: bool = False) -> KnownBot | Refused:
        """Forget a bot that holds nothing that could be sold, and has nothing resting.

        ``keep``: also one that does. A running server takes back what rests, the next one otherwise; what the bot holds
        stays in its account, and nothing watches it any more.
        """
        async with self._store.session(tenant, writes=True) as session:
            found = await _find(session, name)
            if isinstance(found, Refused):
                return found
            told = "" if found.state is None else self._still_trades(found.bot.name, found.state)
            if told and not keep:
                return StillTrades(message=told)
            await rows.remove_bot(session, found.bot.bot_id)
            return found

    def _still_trades(self, name: str, state: BotState) -> str:
        """What keeps a bot from being forgotten; empty for nothing."""
        has = []
        instrument = self._instruments_of(state.account_id).get(state.symbol)
        if state.deal.quantity and (instrument is None or not _is_dust(state.deal, instrument)):
            has.append(f"holds {format_amount(state.deal.quantity)} of {state.symbol}")
        if state.orders:
            has.append(f"has {len(state.orders)} orders resting")
        advice = "stop it first, and let it sell if you like, or say to keep what it holds"
        return f"{name} {' and '.join(has)}: {advice}" if has else ""

    async def list_all(self, tenant: str | None = None) -> Sequence[KnownBot]:
        """All bots of a tenant, or of everybody."""
        async with self._store.system_session() as system:
            roster = await rows.load_roster(system)
            states = await rows.load_states(system)
            labels = {one.account_id: one.label for one in await account_rows.list_all_accounts(system)}
        return [
            KnownBot(bot=bot, account=labels[bot.account_id], state=states.get(bot.bot_id))
            for bot in sorted(roster.bots.values(), key=lambda bot: (bot.tenant, bot.name))
            if tenant in {None, bot.tenant}
        ]

    async def find(self, tenant: str, name: str) -> KnownBot | Refused:
        """One bot by its name or id."""
        async with self._store.session(tenant) as session:
            return await _find(session, name)


def _check_ranges(settings: Settings) -> Refused | None:
    """Refuse what no instrument could make sense of; what an instrument or an account allows is the preview's part."""
    told = [f"{one.field} = {one.value}: {one.rule}" for one in check_settings(settings) if one.refuses]
    return Refused(message="; ".join(told)) if told else None


def _is_dust(deal: Deal, instrument: Instrument) -> bool:
    """Whether nobody could sell what is held, at what the bot traded at last."""
    if not deal.last_price:
        return not sellable(deal, instrument)
    return not is_sellable(deal, instrument, deal.last_price)


def _check_size(size: Size | None) -> Refused | None:
    """Refuse an amount that nobody could order."""
    if size is None:
        return None
    try:
        amount = parse_amount(str(size.amount))
    except AmountError as error:
        return Refused(message=f"size.amount = {show_value(size.amount)}: {error}")
    return None if amount > ZERO else Refused(message=f"size.amount = {show_value(amount)}: must be above 0")


async def _find(session: Session, name: str) -> KnownBot | Refused:
    known = await rows.list_bots(session)
    bot = next((one for one in known if name in {one.name, one.bot_id}), None)
    if bot is None:
        return unknown("bot", name, [one.name for one in known])
    account = await account_rows.find_account(session, bot.account_id)
    assert account is not None, bot
    return KnownBot(bot=bot, account=account.label, state=await rows.find_state(session, bot))


async def _first_user(session: Session) -> str:
    users = await user_rows.list_users(session)
    return min(users, key=lambda user: (user.created_ms, user.user_id)).user_id
