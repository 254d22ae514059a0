"""From what a bot places and cancels to requests at the one door. All ids derive from the bot and its serial number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model import ids
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import BotOrder, BotState, Settings
from fairlead.core.model.bots.decision import Want
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import (
    CancelOrders,
    Close,
    CloseScope,
    Enter,
    Intent,
    OrderRequest,
    OrderType,
    SourceKind,
)
from fairlead.core.rules.bots.order_keeping import rest_of
from fairlead.core.rules.bots.step import Step

VALID_MS: Final = 60_000
"""A request that was not sent so long after it was decided is not sent any more: the bot decides anew."""

LADDER_PROFILE: Final = "ladder"


class Written(msgspec.Struct, frozen=True):
    """A step that is ready for the door: the state as it will be kept, and its requests."""

    state: BotState
    requests: tuple[OrderRequest, ...]


def write_requests(step: Step, settings: Settings, instrument: Instrument, at_ms: int) -> Written:
    """Name every request of a step; the same step at the same time gives the same ids."""
    state = replace(step.state, version=step.state.version + 1, updated_ms=at_ms)
    maker = _Maker(state, settings, instrument, at_ms)
    requests = [maker.cancel(step.canceled)] if step.canceled else []
    placed = {order.serial: maker.place(order) for order in step.placed}
    requests += placed.values()
    orders = tuple(
        replace(order, request_id=placed[order.serial].request_id) if order.serial in placed else order
        for order in state.orders
    )
    return Written(replace(state, orders=orders), tuple(requests))


class _Maker:
    """Makes the requests of one step."""

    def __init__(self, state: BotState, settings: Settings, instrument: Instrument, at_ms: int) -> None:
        self._state = state
        self._settings = settings
        self._instrument = instrument
        self._at_ms = at_ms
        self._cause = f"{state.bot_id}:{state.version}"

    def place(self, order: BotOrder) -> OrderRequest:
        want = order.want
        intent = self._intent(want, order)
        request = self._request(f"{order.serial}:{want.slot}", intent)
        if want.price is None:
            return request
        return replace(request, order_type=OrderType.LIMIT, limit_price=want.price, post_only=want.post_only)

    def cancel(self, orders: Sequence[BotOrder]) -> OrderRequest:
        named = tuple(order_id for order in orders for order_id in order.order_ids)
        return self._request("cancel", CancelOrders(order_ids=named))

    def _intent(self, want: Want, order: BotOrder) -> Intent:
        if not want.opens:
            return Close(scope=CloseScope.STRATEGY, size=want.size)
        carried = next((one for one in self._state.carried if one.slot == want.slot and one.size == want.size), None)
        size = rest_of(want.size, carried)
        assert size is not None, order
        return Enter(side=want.side, size=size)

    def _request(self, name: str, intent: Intent) -> OrderRequest:
        state, settings = self._state, self._settings
        leverage, margin_mode = None, None
        if isinstance(intent, Enter) and not self._instrument.is_spot:
            leverage, margin_mode = settings.leverage, settings.margin_mode or MarginMode.CROSS
        return OrderRequest(
            request_id=ids.derive_id(self._at_ms, "bot", state.bot_id, str(state.version), name),
            tenant=state.tenant,
            account_id=state.account_id,
            cause=self._cause,
            cause_at_ms=self._at_ms,
            source_kind=SourceKind.BOT,
            source_id=state.bot_id,
            strategy_id=state.bot_id,
            risk_profile=LADDER_PROFILE,
            symbol=state.symbol,
            intent=intent,
            valid_until_ms=self._at_ms + VALID_MS,
            leverage=leverage,
            margin_mode=margin_mode,
        )
