"""What can be subscribed to, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.simulator.okx.endpoint import Row
from fairlead.simulator.okx.keys import ApiKey

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue


class Place(StrEnum):
    """Which of the three sockets."""

    PUBLIC = "public"
    PRIVATE = "private"
    BUSINESS = "business"


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a channel: ``extra`` are the fields beside ``arg`` and ``data`` (``action``, ``eventType``)."""

    data: Sequence[Row]
    extra: Mapping[str, Any] = {}


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection listens to; ``extra`` is kept as sent (``extraParams``)."""

    channel: str
    instrument_type: str = ""
    family: str = ""
    symbol: str = ""
    currency: str = ""
    algo_id: str = ""
    extra: str = ""

    def arg(self) -> dict[str, str]:
        """As it was asked for, without what was not."""
        named = {
            "channel": self.channel,
            "instType": self.instrument_type,
            "instFamily": self.family,
            "instId": self.symbol,
            "ccy": self.currency,
            "algoId": self.algo_id,
        }
        return {name: value for name, value in named.items() if value}


FirstPushes = Callable[["OkxVenue", Subscription, ApiKey | None], Sequence[Push]]


def nothing_first(_venue: OkxVenue, _wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
    """Say nothing until something happens."""
    return ()


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of subscription.

    ``places``: where it may be asked for; ``needs_login``: the account is that of the socket's key; ``names`` are the
    arguments it must have; ``first`` is what a new subscriber is told at once; ``is_counted``: OKX tells how many
    connections of an account listen; ``is_index``: ``instId`` names an index, not an instrument.
    """

    name: str
    places: frozenset[Place]
    names: tuple[str, ...] = ()
    needs_login: bool = False
    is_counted: bool = False
    is_index: bool = False
    first: FirstPushes = nothing_first


def read_subscription(arg: Mapping[str, object]) -> Subscription:
    """Read what is subscribed to; ``null`` and numbers are taken for what they stand for."""
    text = {name: "" if value is None else str(value) for name, value in arg.items()}
    return Subscription(
        channel=text.get("channel", ""),
        instrument_type=text.get("instType", ""),
        family=text.get("instFamily", "") or text.get("uly", ""),
        symbol=text.get("instId", ""),
        currency=text.get("ccy", ""),
        algo_id=text.get("algoId", ""),
        extra=text.get("extraParams", ""),
    )
