"""Who listens to what: connections by channel, and the way of a push to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from fairlead.simulator.okx.keys import ApiKey
from fairlead.simulator.okx.sockets.channel import Channel, Push, Subscription

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTED_MAX: Final = 30
"""Connections of one account to one of the counted channels."""

_ENCODER: Final = msgspec.json.Encoder()


class Listener(Protocol):
    """A connection, as the hub sees it."""

    @property
    def key(self) -> ApiKey | None:
        """Who has logged in."""
        ...

    def send(self, frame: bytes) -> None:
        """Put a message out; never waits."""
        ...


class Hub:
    """All subscriptions of a venue."""

    def __init__(self, channels: Iterable[Channel]) -> None:
        """Offer these channels."""
        self.channels: Mapping[str, Channel] = {channel.name: channel for channel in channels}
        self._listeners: dict[str, dict[tuple[Listener, Subscription], None]] = {}
        self._of_accounts: dict[str, dict[tuple[Listener, Subscription], None]] = {}

    def subscribe(self, listener: Listener, wanted: Subscription) -> None:
        """Let a connection hear a channel; again is harmless."""
        self._listeners.setdefault(wanted.channel, {})[listener, wanted] = None
        if listener.key is not None:
            self._of_accounts.setdefault(listener.key.account_id, {})[listener, wanted] = None

    def unsubscribe(self, listener: Listener, wanted: Subscription) -> None:
        """Let it hear no more of it."""
        self._listeners.get(wanted.channel, {}).pop((listener, wanted), None)
        if listener.key is not None:
            self._of_accounts.get(listener.key.account_id, {}).pop((listener, wanted), None)

    def leave(self, listener: Listener) -> None:
        """Forget a connection."""
        for subscribed in (*self._listeners.values(), *self._of_accounts.values()):
            for entry in [entry for entry in subscribed if entry[0] is listener]:
                del subscribed[entry]

    def heard(self, channel: str) -> Iterator[tuple[Listener, Subscription]]:
        """Whoever listens to a channel now, in the order of their subscribing."""
        return iter(tuple(self._listeners.get(channel, ())))

    def heard_by(self, channel: str, account_id: str) -> tuple[tuple[Listener, Subscription], ...]:
        """Whoever listens to a private channel of an account now, in the order of their subscribing."""
        return tuple(entry for entry in self._of_accounts.get(account_id, ()) if entry[1].channel == channel)

    def is_heard(self, account_id: str) -> bool:
        """Whether anybody who has logged into an account listens to anything."""
        return bool(self._of_accounts.get(account_id))

    def symbols(self, channel: str) -> set[str]:
        """The instruments of a channel that anybody listens to."""
        return {wanted.symbol for _, wanted in self._listeners.get(channel, ())}

    def count(self, channel: str, account_id: str) -> int:
        """How many connections of an account listen to a channel."""
        return len(
            {
                id(listener)
                for listener, _ in self._listeners.get(channel, ())
                if listener.key is not None and listener.key.account_id == account_id
            }
        )

    def publish(self, channel: str, symbol: str, push: Push) -> None:
        """Tell everybody who listens to this channel of this instrument, or of no instrument."""
        frames: dict[Subscription, bytes] = {}
        for listener, wanted in self.heard(channel):
            if wanted.symbol == symbol:
                if wanted not in frames:
                    frames[wanted] = frame_of(wanted, push)
                listener.send(frames[wanted])

    def tell(self, listener: Listener, wanted: Subscription, pushes: Sequence[Push]) -> None:
        """Tell one connection."""
        for push in pushes:
            listener.send(frame_of(wanted, push, listener.key))


def frame_of(wanted: Subscription, push: Push, key: ApiKey | None = None) -> bytes:
    """Write a message: private ones name the account."""
    arg = wanted.arg()
    if key is not None:
        arg["uid"] = key.account_id
    return _ENCODER.encode({"arg": arg, **push.extra, "data": push.data})
