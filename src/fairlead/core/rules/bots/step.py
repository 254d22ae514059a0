"""One step in the life of a bot: news into its ledger, the rule's wish, and the requests that make it so. Pure.

Live, in a preview and in a replay this is the same function; what differs is who carries out the requests.
"""

from __future__ import annotations

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
    NO_REASON,
    BotCommand,
    Instruction,
    Outcome,
    Reason,
    SlotEnded,
    Tripwire,
    Urgency,
    Wake,
    WireKind,
)
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.ledger import book_fill, fill_price, next_deal, sellable
from fairlead.core.rules.bots.order_keeping import Keeping, OrderKeeper, add_trouble
from fairlead.core.rules.bots.rules import Rule

ASKED_MAX: Final = 8
"""A rule is asked again within one step when a cycle ends or nothing is left of a want; never more often than this."""

TROUBLES_KEPT_MAX: Final = 50
BASE_SLOT: Final = "b"


class Step(msgspec.Struct, frozen=True):
    """What came of it: the state to keep, what to place and cancel, and what may wake the bot again."""

    state: BotState
    placed: tuple[BotOrder, ...] = ()
    canceled: tuple[BotOrder, ...] = ()
    wires: tuple[Tripwire, ...] = ()
    reasons: tuple[Reason, ...] = ()


def take_step(state: BotState, rule: Rule, instrument: Instrument, stimulus: Stimulus) -> Step:
    """Let a bot hear, decide and act; ids of new requests are left to the caller, who knows the time of the append."""
    for news in stimulus.news:
        state = take_news(state, news, instrument, stimulus.at_ms)
    state, taken = _follow_share(state, instrument, stimulus)
    if stimulus.command is not None and stimulus.command.number > state.command:
        state = replace(state, command=stimulus.command.number)
    else:
        stimulus = replace(stimulus, command=None)
    if state.status in {BotStatus.STOPPED, BotStatus.FINISHED}:
        return _rest(state, instrument, stimulus)
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
            state = replace(state, deal=next_deal(state.deal), cycle=state.cycle + 1, carried=(), troubles=())
            continue
        if decision.outcome is Outcome.FINISHED:
            state = replace(state, status=_status_after(state))
        wants = () if _keeps_nothing(state, stimulus) else decision.wants
        keeping = OrderKeeper(state, instrument, price=stimulus.price, now_ms=stimulus.at_ms).keep(wants)
        if not keeping.settled:
            return _close(state, keeping, decision, reasons, stimulus)
        state = _settle(state, keeping, stimulus)
    keeping = OrderKeeper(state, instrument, price=stimulus.price, now_ms=stimulus.at_ms).keep(())
    return _close(state, keeping, decision, reasons, stimulus)


def take_news(state: BotState, news: OrderNews, instrument: Instrument, now_ms: int) -> BotState:
    """Book what a request has filled since it was heard of last; what was heard before changes nothing."""
    order = next((one for one in state.orders if one.request_id == news.request_id), None)
    if order is None:
        return state
    deal = _book(state.deal, order, news, instrument)
    known = replace(
        order,
        filled_quantity=news.filled_quantity,
        filled_value=news.value,
        fee_base=news.fee_base,
        fee_settle=news.fee_settle,
        order_ids=news.order_ids,
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
    if gone < max(instrument.lot_size, instrument.quantity_min):
        return state, None
    assert stimulus.share is not None
    value = instrument.notional(gone, stimulus.price)
    fill = DealFill(is_buy=not state.deal.is_long, is_base=False, price=stimulus.price, quantity=gone, value=value)
    numbers = (("gone", gone), ("left", stimulus.share), ("price", stimulus.price))
    return replace(state, deal=book_fill(state.deal, fill, instrument)), Reason("closed_by_others", numbers)


def _book(deal: Deal, order: BotOrder, news: OrderNews, instrument: Instrument) -> Deal:
    quantity = news.filled_quantity - order.filled_quantity
    if quantity <= ZERO:
        return deal
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
    quantity = order.before_quantity + news.filled_quantity
    fee_base = order.before_fee_base + news.fee_base
    if want.opens and not news.is_complete and quantity:
        carried = (*carried, Carried(want.slot, want.size, quantity, order.before_quote + news.quote, fee_base))
    troubles = tuple(one for one in state.troubles if one.slot != want.slot)
    # An order that we took back ourselves is no trouble.
    if not news.is_complete and not order.canceling_ms:
        failed = state.troubles if not news.filled_quantity else troubles
        troubles = add_trouble(failed, want.slot, reason=news.reason, message=news.message, now_ms=now_ms)
    price = fill_price(instrument, news.filled_quantity, news.value)
    ended = SlotEnded(want.slot, news.is_complete, news.reason, price, quantity, fee_base)
    return replace(
        state,
        carried=carried,
        troubles=troubles[-TROUBLES_KEPT_MAX:],
        ended=(*state.ended, ended),
    )


def _follow_wish(state: BotState, instrument: Instrument, stimulus: Stimulus) -> tuple[BotState, Stimulus]:
    match stimulus.wish:
        case Wish.RUN:
            status = BotStatus.RUNNING if stimulus.may_enter else BotStatus.HALTED
            return replace(state, status=status), stimulus
        case Wish.PAUSE:
            return replace(state, status=BotStatus.PAUSED), replace(stimulus, may_enter=False)
        case Wish.STOP_AND_KEEP:
            return replace(state, status=BotStatus.STOPPING), replace(stimulus, may_enter=False)
        case Wish.STOP_AND_SELL:
            close = stimulus.command
            if state.status is not BotStatus.STOPPING and sellable(state.deal, instrument):
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


def _keeps_nothing(state: BotState, stimulus: Stimulus) -> bool:
    return stimulus.wish is Wish.STOP_AND_KEEP or state.status is BotStatus.FINISHED


def _status_after(state: BotState) -> BotStatus:
    return BotStatus.STOPPED if state.status is BotStatus.STOPPING else BotStatus.FINISHED


def _settle(state: BotState, keeping: Keeping, stimulus: Stimulus) -> BotState:
    """Tell the rule of wants that nothing can be ordered for."""
    slots = {ended.slot for ended in keeping.settled}
    troubles = state.troubles
    for ended in keeping.settled:
        if not ended.complete:
            message = "less than the least order of the instrument"
            troubles = add_trouble(troubles, ended.slot, reason=ended.reason, message=message, now_ms=stimulus.at_ms)
    return replace(
        state,
        ended=keeping.settled,
        carried=tuple(one for one in state.carried if one.slot not in slots),
        troubles=troubles[-TROUBLES_KEPT_MAX:],
    )


def _close(state: BotState, keeping: Keeping, decision: Decision, reasons: list[Reason], stimulus: Stimulus) -> Step:
    canceled = {order.serial for order in keeping.canceled}
    kept = tuple(
        replace(order, canceling_ms=stimulus.at_ms) if order.serial in canceled else order for order in state.orders
    )
    state = replace(
        state,
        orders=(*kept, *keeping.placed),
        serial=state.serial + len(keeping.placed) + len(keeping.canceled),
        updated_ms=stimulus.at_ms,
    )
    if state.status is BotStatus.STOPPING and not state.orders and not _must_sell(stimulus, decision):
        state = replace(state, status=BotStatus.STOPPED)
    wires = decision.wires
    if keeping.again_ms:
        wires = (*wires, Tripwire(WireKind.AT_TIME, at_ms=keeping.again_ms, urgency=Urgency.EXIT))
    return Step(state, keeping.placed, keeping.canceled, wires, tuple(reasons))


def _must_sell(stimulus: Stimulus, decision: Decision) -> bool:
    return stimulus.wish is Wish.STOP_AND_SELL and any(not want.opens for want in decision.wants)


def _rest(state: BotState, instrument: Instrument, stimulus: Stimulus) -> Step:
    """A bot that is over wants nothing; what of it still rests is taken back."""
    keeping = OrderKeeper(state, instrument, price=stimulus.price, now_ms=stimulus.at_ms).keep(())
    return _close(state, keeping, Decision(state.memory), [], stimulus)
