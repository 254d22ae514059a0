"""One step in the life of a bot: news into its ledger, the rule's wish, and the requests that make it so. Pure.

Live, in a preview and in a replay this is the same function; what differs is who carries out the requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model.bots.bot import (
    BotOrder,
    BotState,
    BotStatus,
    Carried,
    Decision,
    OrderNews,
    Stimulus,
    Wish,
)
from fairlead.core.model.bots.deal import Deal, DealFill
from fairlead.core.model.bots.decision import (
    BASE_SLOT,
    NO_REASON,
    BotCommand,
    Instruction,
    Outcome,
    Reason,
    SlotEnded,
    Tripwire,
    Urgency,
    Wake,
    Want,
    WireKind,
)
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.ledger import book_fill, fill_price, is_sellable, next_deal, sellable
from fairlead.core.rules.bots.order_keeping import TRIES_MAX, Keeping, OrderKeeper, add_trouble
from fairlead.core.rules.bots.rules import Rule

ASKED_MAX: Final = 8
"""A rule is asked again within one step when a cycle ends or nothing is left of a want; never more often than this."""

TROUBLES_KEPT_MAX: Final = 50

RESTED_LONG_MS: Final = 600_000
"""An order that rested so long was no trouble before: somebody who takes it back begins a new count."""

SIGNAL_AGE_MAX_MS: Final = 60_000
"""A signal that is older when it is heard holds no more."""

# From here a word to run is one to try again, too.
_RESUMES_FROM: Final = frozenset({BotStatus.PAUSED, BotStatus.STOPPING, BotStatus.STOPPED})


class Step(msgspec.Struct, frozen=True):
    """What came of it: the state to keep, what to place and cancel, and what may wake the bot again."""

    state: BotState
    placed: tuple[BotOrder, ...] = ()
    canceled: tuple[BotOrder, ...] = ()
    wires: tuple[Tripwire, ...] = ()
    reasons: tuple[Reason, ...] = ()


def take_step(state: BotState, rule: Rule, instrument: Instrument, stimulus: Stimulus) -> Step:
    """Let a bot hear, decide and act; ids of new requests are left to the caller, who knows the time of the append."""
    state = _hear(replace(state, note=stimulus.note), instrument, stimulus)
    state, taken = _follow_share(state, instrument, stimulus)
    if stimulus.command is not None and stimulus.command.number > state.command:
        state = _take_command(state, stimulus.command, stimulus.wish)
        stimulus = _hear_signal(stimulus)
    else:
        stimulus = replace(stimulus, command=None)
    if _is_over(state, instrument, stimulus):
        return _rest(state, instrument, stimulus, () if taken is None else (taken,))
    state, stimulus = _follow_wish(state, instrument, stimulus)
    reasons: list[Reason] = [] if taken is None else [taken]
    decision = Decision(state.memory)
    for _ in range(ASKED_MAX):
        decision = _ask(state, rule, stimulus)
        if decision.reason != NO_REASON:
            reasons.append(decision.reason)
        state = replace(state, memory=decision.memory, ended=())
        stimulus = replace(stimulus, command=None)
        if decision.outcome is Outcome.CYCLE_ENDED:
            state = _begin_cycle(state)
            if stimulus.is_renewed:
                break
            continue
        if decision.outcome is Outcome.FINISHED:
            state = replace(state, status=_status_after(state))
        wants = () if state.status is BotStatus.FINISHED else decision.wants
        keeper = OrderKeeper(state, instrument, price=stimulus.price, now_ms=stimulus.at_ms)
        keeping = keeper.keep(wants, may_add=stimulus.may_add)
        if not keeping.settled:
            return _close(state, keeping, decision, reasons, stimulus)
        state = _settle(state, keeping, wants, stimulus)
    # Newer settings wait, or there was more to decide than one step may: what rests stays, and it is asked again.
    again = Tripwire(WireKind.AT_TIME, at_ms=stimulus.at_ms, urgency=Urgency.EXIT)
    return _close(state, Keeping(), replace(decision, wires=(again,)), reasons, stimulus)


def _hear(state: BotState, instrument: Instrument, stimulus: Stimulus) -> BotState:
    told = {news.request_id: news for news in stimulus.news}
    # In the order of the requests, so that the order of hearing makes no difference.
    for order in state.orders:
        news = told.get(order.request_id)
        if news is not None and _is_news(order, news):
            state = take_news(state, news, instrument, stimulus.at_ms)
    return state


def _is_news(order: BotOrder, news: OrderNews) -> bool:
    """Whether anything changes by it: of hundreds of orders that rest, most say what they said before."""
    return news.is_over or news.filled_quantity > order.filled_quantity or news.order_ids != order.order_ids


def take_news(state: BotState, news: OrderNews, instrument: Instrument, now_ms: int) -> BotState:
    """Book what a request has filled since it was heard of last; what was heard before changes nothing."""
    order = next((one for one in state.orders if one.request_id == news.request_id), None)
    if order is None:
        return state
    deal, known = state.deal, replace(order, order_ids=news.order_ids)
    if news.filled_quantity > order.filled_quantity:
        deal = _book(state.deal, order, news, instrument)
        known = replace(
            known,
            filled_quantity=news.filled_quantity,
            filled_value=news.value,
            fee_base=news.fee_base,
            fee_settle=news.fee_settle,
        )
    others = tuple(one for one in state.orders if one is not order)
    if not news.is_over:
        return replace(state, deal=deal, orders=tuple(known if one is order else one for one in state.orders))
    return _end_order(replace(state, deal=deal, orders=others), known, news, instrument, now_ms)


def _follow_share(state: BotState, instrument: Instrument, stimulus: Stimulus) -> tuple[BotState, Reason | None]:
    """Believe the account's sub-book when somebody else closed what the bot holds: a hand, a liquidation, a switch.

    What is gone counts as closed at the last price; nothing is bought back.
    """
    gone = ZERO if stimulus.share is None else state.deal.quantity - stimulus.share
    if gone < instrument.lot_size:
        return state, None
    assert stimulus.share is not None
    value = instrument.notional(gone, stimulus.price)
    fill = DealFill(is_buy=not state.deal.is_long, is_base=False, price=stimulus.price, quantity=gone, value=value)
    numbers = (("gone", gone), ("left", stimulus.share), ("price", stimulus.price))
    deal = book_fill(state.deal, fill, instrument)
    return replace(state, deal=replace(deal, lost=deal.lost + gone)), Reason("closed_by_others", numbers)


def _book(deal: Deal, order: BotOrder, news: OrderNews, instrument: Instrument) -> Deal:
    quantity = news.filled_quantity - order.filled_quantity
    value = news.value - order.filled_value
    fill = DealFill(
        is_buy=order.want.side is Side.BUY,
        is_base=order.want.slot == BASE_SLOT,
        price=fill_price(instrument, quantity, value),
        quantity=quantity,
        value=value,
        fee_base=news.fee_base - order.fee_base,
        fee_settle=news.fee_settle - order.fee_settle,
    )
    return book_fill(deal, fill, instrument)


def _end_order(state: BotState, order: BotOrder, news: OrderNews, instrument: Instrument, now_ms: int) -> BotState:
    want = order.want
    carried = tuple(one for one in state.carried if one.slot != want.slot)
    quantity = order.before_quantity + order.filled_quantity
    fee_base = order.before_fee_base + order.fee_base
    if want.opens and not news.is_complete and quantity:
        base = order.filled_value if instrument.is_inverse else order.filled_quantity * instrument.contract_value
        quote = order.before_quote + news.quote
        carried = (*carried, Carried(want.slot, want.size, quantity, quote, order.before_base + base, fee_base))
    troubles = tuple(one for one in state.troubles if one.slot != want.slot)
    # An order that we took back ourselves is no trouble.
    if not news.is_complete and not order.canceling_ms:
        is_first = order.filled_quantity or now_ms - order.placed_ms >= RESTED_LONG_MS
        failed = troubles if is_first else state.troubles
        troubles = add_trouble(failed, want, reason=news.reason, message=news.message, now_ms=now_ms)
    price = fill_price(instrument, order.filled_quantity, order.filled_value)
    ended = SlotEnded(want.slot, news.is_complete, news.reason, price, quantity, fee_base)
    return replace(
        state,
        carried=carried,
        troubles=troubles[-TROUBLES_KEPT_MAX:],
        ended=(*state.ended, ended),
    )


def _take_command(state: BotState, command: BotCommand, wish: Wish) -> BotState:
    state = replace(state, command=command.number)
    if command.instruction is not Instruction.START:
        return state
    state = replace(state, troubles=())
    if state.status is not BotStatus.FINISHED or wish is not Wish.RUN:
        return state
    return replace(_begin_cycle(state), status=BotStatus.RUNNING, ended=())


def _hear_signal(stimulus: Stimulus) -> Stimulus:
    """A signal that came as a word is one like others, but for one that waited while nobody was there."""
    command = stimulus.command
    if command is None or command.instruction is not Instruction.SIGNAL:
        return stimulus
    is_fresh = stimulus.at_ms - command.at_ms <= SIGNAL_AGE_MAX_MS
    signals = (*stimulus.signals, command.signal) if is_fresh else stimulus.signals
    return replace(stimulus, signals=signals, command=None)


def _begin_cycle(state: BotState) -> BotState:
    return replace(state, deal=next_deal(state.deal), cycle=state.cycle + 1, carried=(), troubles=())


def _is_over(state: BotState, instrument: Instrument, stimulus: Stimulus) -> bool:
    """Whether nothing is to be decided any more: what rests is taken back, and what is held stays as it is."""
    if stimulus.wish is Wish.STOP_AND_KEEP:
        return True
    if state.status is BotStatus.STOPPED:
        is_sold = not is_sellable(state.deal, instrument, stimulus.price)
        return stimulus.wish is Wish.STOP_AND_SELL and is_sold and not state.orders
    return state.status is BotStatus.FINISHED


def _follow_wish(state: BotState, instrument: Instrument, stimulus: Stimulus) -> tuple[BotState, Stimulus]:
    match stimulus.wish:
        case Wish.RUN:
            if state.status in _RESUMES_FROM:
                state = replace(state, troubles=())
            status = BotStatus.RUNNING if stimulus.may_enter else BotStatus.HALTED
            return replace(state, status=status), stimulus
        case Wish.PAUSE:
            return replace(state, status=BotStatus.PAUSED), replace(stimulus, may_enter=False)
        case Wish.STOP_AND_KEEP | Wish.STOP_AND_SELL:
            close = stimulus.command
            # Said at every step: what fills late is sold, too.
            if sellable(state.deal, instrument):
                close = BotCommand(state.command, Instruction.CLOSE)
            return replace(state, status=BotStatus.STOPPING), replace(stimulus, may_enter=False, command=close)


def _ask(state: BotState, rule: Rule, stimulus: Stimulus) -> Decision:
    wake = Wake(
        stimulus.at_ms,
        stimulus.price,
        stimulus.may_enter,
        len(state.orders),
        state.ended,
        stimulus.signals,
        stimulus.command,
        tuple((order.want.slot, order.filled_quantity) for order in state.orders),
    )
    return rule.decide(state.memory, state.deal, wake)


def _status_after(state: BotState) -> BotStatus:
    return BotStatus.STOPPED if state.status is BotStatus.STOPPING else BotStatus.FINISHED


def _settle(state: BotState, keeping: Keeping, wants: Sequence[Want], stimulus: Stimulus) -> BotState:
    """Tell the rule of wants that nothing can be ordered for."""
    settled = {ended.slot: ended for ended in keeping.settled}
    troubles = state.troubles
    for want in wants:
        ended = settled.get(want.slot)
        if ended is not None and not ended.complete:
            message = "less than the least order of the instrument"
            troubles = add_trouble(troubles, want, reason=ended.reason, message=message, now_ms=stimulus.at_ms)
    return replace(
        state,
        ended=keeping.settled,
        carried=tuple(one for one in state.carried if one.slot not in settled),
        troubles=troubles[-TROUBLES_KEPT_MAX:],
    )


def _close(state: BotState, keeping: Keeping, decision: Decision, reasons: list[Reason], stimulus: Stimulus) -> Step:
    canceled = {order.serial for order in keeping.canceled}
    kept = tuple(
        replace(order, canceling_ms=order.canceling_ms or stimulus.at_ms, cancels=order.cancels + 1)
        if order.serial in canceled
        else order
        for order in state.orders
    )
    state = replace(
        state,
        orders=(*kept, *keeping.placed),
        serial=state.serial + len(keeping.placed) + len(keeping.canceled),
        note=state.note or _given_up(state),
    )
    if state.status is BotStatus.STOPPING and not state.orders and not _must_sell(stimulus, decision):
        state = replace(state, status=BotStatus.STOPPED)
    wires = decision.wires
    if keeping.again_ms:
        wires = (*wires, Tripwire(WireKind.AT_TIME, at_ms=keeping.again_ms, urgency=Urgency.EXIT))
    return Step(state, keeping.placed, keeping.canceled, wires, tuple(reasons))


def _must_sell(stimulus: Stimulus, decision: Decision) -> bool:
    return stimulus.wish is Wish.STOP_AND_SELL and any(not want.opens for want in decision.wants)


def _given_up(state: BotState) -> str:
    given_up = [f"{one.slot} ({one.message or one.reason})" for one in state.troubles if one.is_given_up]
    if not given_up:
        return ""
    return f"given up after {TRIES_MAX} tries: {', '.join(given_up)}; pause and resume the bot to try again"


def _rest(state: BotState, instrument: Instrument, stimulus: Stimulus, reasons: Sequence[Reason]) -> Step:
    """A bot that is over wants nothing; what of it still rests is taken back."""
    if state.status is not BotStatus.FINISHED:
        state = replace(state, status=BotStatus.STOPPING)
    keeping = OrderKeeper(state, instrument, price=stimulus.price, now_ms=stimulus.at_ms).keep(())
    return _close(state, keeping, Decision(state.memory), list(reasons), stimulus)
