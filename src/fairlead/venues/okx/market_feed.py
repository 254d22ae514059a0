"""Instruments and quotes of one site, for all accounts there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec
import structlog

from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.market import Quote
from fairlead.core.model.money import USD_CURRENCIES, ZERO
from fairlead.ports import Clock
from fairlead.venues.okx.connection import OkxConnection, describe
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.market_rows import (
    SPOT,
    SWAP,
    FundingRow,
    IndexRow,
    InstrumentRow,
    MarkRow,
    TickerRow,
    TierRow,
    read_instrument,
)
from fairlead.venues.okx.outcomes import Answered, Failure
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import read_amount
from fairlead.venues.okx.socket_line import Channel, Frame, SocketEndedError, SocketLine

PAUSE_FIRST_MS: Final = 250
PAUSE_MAX_MS: Final = 30_000
STEADY_MS: Final = 60_000
SYMBOLS_MAX: Final = 100
"""Four channels for each fit the 480 requests an hour that OKX takes on one socket."""

_log = structlog.get_logger("fairlead.venues.okx")
_INSTRUMENTS: Final = msgspec.json.Decoder(tuple[InstrumentRow, ...])
_TICKERS: Final = msgspec.json.Decoder(tuple[TickerRow, ...])
_MARKS: Final = msgspec.json.Decoder(tuple[MarkRow, ...])
_INDEXES: Final = msgspec.json.Decoder(tuple[IndexRow, ...])
_FUNDINGS: Final = msgspec.json.Decoder(tuple[FundingRow, ...])


class OkxMarketFeed:
    """Reads the rules of everything that is listed, and follows the prices of what is wanted."""

    def __init__(
        self,
        connection: OkxConnection,
        governor: RateGovernor,
        clock: Clock,
        *,
        symbols: Iterable[str],
        on_instruments: Callable[[Sequence[Instrument]], None],
        on_quote: Callable[[Quote], None],
    ) -> None:
        """Prepare; ``load`` asks, ``run`` follows.

        Raises:
            ValueError: more instruments are wanted than one socket may follow.
        """
        self.symbols = tuple(dict.fromkeys(symbols))
        if len(self.symbols) > SYMBOLS_MAX:
            raise ValueError(f"one feed follows at most {SYMBOLS_MAX} instruments, not {len(self.symbols)}")
        self._connection = connection
        self._rest = OkxRest(connection, governor, clock)
        self._clock = clock
        self._on_instruments = on_instruments
        self._on_quote = on_quote
        self._instruments: dict[str, Instrument] = {}
        self._margin_rates: dict[str, Decimal] = {}
        self._tickers: dict[str, TickerRow] = {}
        self._marks: dict[str, Decimal] = {}
        self._indexes: dict[str, Decimal] = {}
        self._funding: dict[str, Decimal] = {}
        self._heard_ms: dict[str, int] = {}
        self._wanted = asyncio.Event()

    async def load(self) -> Failure | None:
        """Read all spot pairs and perpetuals, with the maintenance margin of what is wanted; None: it worked."""
        rows: list[InstrumentRow] = []
        for kind in (SPOT, SWAP):
            reply = await self._rest.get("public/instruments", InstrumentRow, subject=kind, query={"instType": kind})
            if not isinstance(reply, Answered):
                return reply
            rows += reply.rows
        self._take_instruments(rows)
        return await self._load_margin_rates()

    def want(self, symbol: str) -> bool:
        """Follow one more instrument, from now on; False when it is not listed, or when there is no room for it."""
        if symbol in self.symbols:
            return True
        instrument = self._instruments.get(symbol)
        if instrument is None or len(self.symbols) >= SYMBOLS_MAX:
            return False
        self.symbols = (*self.symbols, symbol)
        self._wanted.set()
        return True

    async def run(self) -> None:
        """Follow prices for ever; a socket that ends is opened again after a pause."""
        pause_ms = PAUSE_FIRST_MS
        while True:
            begun_ms = self._clock.now_ms()
            reason = await self._live()
            is_steady = self._clock.now_ms() - begun_ms >= STEADY_MS
            pause_ms = PAUSE_FIRST_MS if is_steady else min(2 * pause_ms, PAUSE_MAX_MS)
            _log.warning("okx_feed_ended", reason=reason, again_in_ms=pause_ms)
            await self._clock.sleep_ms(pause_ms)

    async def _live(self) -> str:
        line = SocketLine(self._connection, "public", self._clock)
        following: asyncio.Task[None] | None = None
        try:
            failure = None if self._instruments else await self.load()
            if failure is not None:
                return failure.message
            await self._rest.admit_socket()
            await line.open([{"channel": "instruments", "instType": kind} for kind in (SPOT, SWAP)])
            following = asyncio.create_task(self._follow_wanted(line))
            return await line.read(self._take)
        except SocketEndedError as error:
            return str(error)
        except Exception as error:
            _log.exception("okx_feed_failed")
            return describe(error)
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await line.close()

    async def _follow_wanted(self, line: SocketLine) -> None:
        """Subscribe to what is wanted on this line, and to what comes to be wanted."""
        asked: set[tuple[str, str]] = set()
        while True:
            self._wanted.clear()
            await self._load_margin_rates()
            channels = [one for one in self._channels() if (one["channel"], one["instId"]) not in asked]
            asked |= {(one["channel"], one["instId"]) for one in channels}
            await line.subscribe(channels)
            await self._wanted.wait()

    async def _load_margin_rates(self) -> Failure | None:
        """Read the maintenance margin of wanted perpetuals that it is not known of."""
        for symbol in self.symbols:
            instrument = self._instruments.get(symbol)
            if instrument is None or instrument.is_spot or symbol in self._margin_rates:
                continue
            query = {"instType": SWAP, "tdMode": "cross", "instFamily": _index_of(instrument), "tier": "1"}
            reply = await self._rest.get("public/position-tiers", TierRow, query=query)
            if not isinstance(reply, Answered):
                return reply
            self._margin_rates[symbol] = next((read_amount(row.mmr) for row in reply.rows if row.tier == "1"), ZERO)
            rated = msgspec.structs.replace(instrument, maintenance_margin_rate=self._margin_rates[symbol])
            self._instruments[symbol] = rated
            self._on_instruments([rated])
        return None

    def _channels(self) -> list[Channel]:
        channels: list[Channel] = []
        indexes: dict[str, None] = {}
        for symbol in self.symbols:
            instrument = self._instruments.get(symbol)
            if instrument is None:
                continue
            channels.append({"channel": "tickers", "instId": symbol})
            indexes[_index_of(instrument)] = None
            if not instrument.is_spot:
                channels += [{"channel": name, "instId": symbol} for name in ("mark-price", "funding-rate")]
        return [*channels, *({"channel": "index-tickers", "instId": name} for name in indexes)]

    def _take(self, frame: Frame) -> None:
        match frame.arg.channel if frame.arg is not None else "":
            case "instruments":
                self._take_instruments(_INSTRUMENTS.decode(frame.data))
            case "tickers":
                for ticker in _TICKERS.decode(frame.data):
                    self._tickers[ticker.inst_id] = ticker
                    self._publish(ticker.inst_id, ticker.ts)
            case "mark-price":
                for mark in _MARKS.decode(frame.data):
                    self._marks[mark.inst_id] = read_amount(mark.mark_px)
                    self._publish(mark.inst_id, mark.ts)
            case "index-tickers":
                for index in _INDEXES.decode(frame.data):
                    self._indexes[index.inst_id] = read_amount(index.idx_px)
                    self._publish(index.inst_id, index.ts)
            case "funding-rate":
                self._funding |= {row.inst_id: read_amount(row.funding_rate) for row in _FUNDINGS.decode(frame.data)}
            case _:
                pass

    def _take_instruments(self, rows: Iterable[InstrumentRow]) -> None:
        listed = []
        for row in rows:
            instrument = read_instrument(row, self._margin_rates.get(row.inst_id, ZERO))
            if instrument is not None:
                self._instruments[instrument.symbol] = instrument
                listed.append(instrument)
            if row.inst_id_code is not None:
                self._connection.codes[row.inst_id] = row.inst_id_code
        self._on_instruments(listed)

    def _publish(self, symbol: str, at: str) -> None:
        """Tell a quote as soon as all its prices are known.

        Bid and ask are told when they change; while anything is told of an instrument, they are what they were.
        """
        self._heard_ms[symbol] = max(self._heard_ms.get(symbol, 0), int(at))
        instrument, ticker = self._instruments.get(symbol), self._tickers.get(symbol)
        if instrument is None or ticker is None or not (ticker.bid_px and ticker.ask_px and ticker.last):
            return
        last = read_amount(ticker.last)
        mark = last if instrument.is_spot else self._marks.get(symbol)
        if mark is None:
            return
        quote = Quote(
            symbol=symbol,
            bid=read_amount(ticker.bid_px),
            bid_quantity=read_amount(ticker.bid_sz),
            ask=read_amount(ticker.ask_px),
            ask_quantity=read_amount(ticker.ask_sz),
            last=last,
            mark=mark,
            index=self._indexes.get(_index_of(instrument), mark),
            # By our clock, as whoever asks how old a quote is asks our clock.
            at_ms=self._heard_ms[symbol] - self._connection.clock_offset_ms,
            volume_24h_usd=_volume(instrument, ticker, last),
            funding_rate=self._funding.get(symbol),
        )
        self._on_quote(quote)


def _index_of(instrument: Instrument) -> str:
    return f"{instrument.base_currency}-{instrument.quote_currency}"


def _volume(instrument: Instrument, ticker: TickerRow, last: Decimal) -> Decimal | None:
    """What was traded in a day, in USD: OKX tells it in quote currency for spot, in coins for perpetuals."""
    if instrument.quote_currency not in USD_CURRENCIES or not ticker.vol_ccy_day:
        return None
    volume = read_amount(ticker.vol_ccy_day)
    return volume if instrument.kind is InstrumentKind.SPOT else volume * last
