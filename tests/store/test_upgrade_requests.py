"""Rows of requests that were written without their later fields are written anew, on every database, page by page."""

from __future__ import annotations

import json
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select

from fairlead.store import migrations
from fairlead.store.migrate import connect, migrate
from fairlead.store.projections import write_row, write_state
from fairlead.store.rewriting import ROWS_PER_READ
from fairlead.store.tables import column_names, requests
from tests.servers.clean import empty_url, on_every_database
from tests.store.samples import make_request_state

BEFORE = "0005"


@on_every_database
def test_requests_from_before_warnings_and_previews_are_written_anew(kind: str, tmp_path: Path) -> None:
    url = empty_url(kind, tmp_path)
    names = column_names(requests)
    states = [make_request_state(f"r{number}") for number in range(ROWS_PER_READ + 1)]
    rows = [dict(zip(names, write_row(state), strict=True)) for state in states]
    older = [row | {"body": shorten(write_state(state))} for row, state in zip(rows, states, strict=True)]
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with connect(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    with connect(url) as connection:
        connection.execute(insert(requests), older)
        connection.commit()

    assert migrate(url)[:1] == ["0006"]

    with connect(url) as connection:
        found = connection.execute(select(requests.c.request_id, requests.c.body)).all()
    assert {row.request_id: row.body for row in found} == {row["request_id"]: row["body"] for row in rows}


def shorten(body: bytes) -> bytes:
    """As it was before: without the last field of its request, and the last two of its own."""
    kind, request, *rest = json.loads(body)
    return json.dumps([kind, request[:-1], *rest[:-2]]).encode()
