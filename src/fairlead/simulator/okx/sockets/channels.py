"""Every channel, once."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.sockets import private, public
from fairlead.simulator.okx.sockets.channel import Channel

CHANNELS: Final[tuple[Channel, ...]] = (*public.CHANNELS, *private.CHANNELS)
