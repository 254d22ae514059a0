"""Whatever layout a database has, on whatever server: what its journal says is there after the upgrade."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select

import fairlead.store
from fairlead.store.migrate import connect, migrate, pending
from fairlead.store.tables import heads, journal, records
from tests.servers.clean import DATABASES, empty_url

SCRIPTS = Path(fairlead.store.__file__).parent / "migrations"
REVISIONS = pending("sqlite:////nowhere/at-all.sqlite3")
TEXT = "Ключ 🚢 trailing "
ROW = {
    "seq": 1,
    "tenant": "acme",
    "stream": TEXT,
    "version": 1,
    "kind": "DriftFound",
    "key": TEXT,
    "cause": "alert",
    "at_ms": 2**53 + 1,
    "body": b'{"note":"\xf0\x9f\x9a\xa2"}',
    "hash": bytes(range(32)),
}


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("place", range(len(REVISIONS) - 1), ids=REVISIONS[:-1])
def test_each_earlier_layout_with_rows_is_brought_up(kind: str, place: int, tmp_path: Path) -> None:
    url = empty_url(kind, tmp_path)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with connect(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISIONS[place])
    with connect(url) as connection:
        connection.execute(journal.insert().values(**ROW))
        connection.execute(heads.insert().values(stream=TEXT, version=1))
        connection.execute(records.insert().values(space="book", owner="acme", key=TEXT, body=bytes(range(256))))
        connection.commit()

    assert migrate(url) == REVISIONS[place + 1 :]

    assert pending(url) == []
    with connect(url) as connection:
        assert dict(connection.execute(select(journal)).mappings().one()) == ROW
        assert connection.execute(select(heads)).one() == (TEXT, 1)
        assert connection.execute(select(records)).one() == ("book", "acme", TEXT, bytes(range(256)))
