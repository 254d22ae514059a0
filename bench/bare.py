# ruff: noqa: INP001 (a script, not a package)
"""The bare limit: a Starlette route that decodes an alert and answers after one group-committed insert, nothing else.

Run as ``bare.py FOLDER``. It listens as the product does and writes to SQLite as durably, so what the product adds is
the difference: authentication, repeats, requests, risk, orders, fills, books and explanations.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fairlead.store.sqlite_file import open_writer
from fairlead.web.server import WebServer

BATCH_MAX: Final = 1_000
TABLE: Final = "CREATE TABLE alerts (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)"

Waiting = tuple[bytes, asyncio.Future[None]]


class BareAlert(msgspec.Struct, frozen=True):
    """What is decoded of an alert."""

    symbol: str
    side: str
    qty: str
    alert_id: str = msgspec.field(name="alertId")


class BareWriter:
    """Inserts all that waits in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Start its thread."""
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Waiting] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    async def insert(self, body: bytes) -> None:
        """Return when it is on disk."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((body, future))
        await future

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < BATCH_MAX:
                try:
                    batch.append(self._queue.get_nowait())
                except Empty:
                    break
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO alerts (body) VALUES (?)", [(body,) for body, _ in batch])
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_tell, [future for _, future in batch])


def _tell(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


async def serve(folder: Path) -> None:
    """Serve until told to end."""
    connection = open_writer(folder / "bare.sqlite3")
    connection.execute(TABLE)
    writer = BareWriter(connection)
    decode = msgspec.json.Decoder(BareAlert).decode

    async def take(request: Request) -> Response:
        body = await request.body()
        alert = decode(body)
        await writer.insert(body)
        answer = {"status": "accepted", "requestId": alert.alert_id}
        return Response(msgspec.json.encode(answer), 202, media_type="application/json")

    server = WebServer(Starlette(routes=[Route("/webhook", take, methods=["POST"])]), host="127.0.0.1", port=0)
    await server.start()
    sys.stderr.write(json.dumps({"event": "listening", "url": f"http://127.0.0.1:{server.port}"}) + "\n")
    sys.stderr.flush()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
