"""Write the bodies of a table anew, however many rows it has: for steps that change their form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, column, func, select, table, tuple_, update
from sqlalchemy.sql.expression import bindparam

from fairlead.store.columns import Bytes, text_type
from fairlead.store.urls import DatabaseKind

ROWS_PER_READ: Final = 500


def rewrite_bodies(connection: Connection, name: str, keys: Sequence[str], change: Callable[[bytes], bytes]) -> None:
    """Replace ``body`` in every row of a table; ``keys`` are the text columns of its primary key."""
    bodies = table(name, column("body", Bytes()), *(column(key, text_type(key)) for key in keys))
    if connection.dialect.name == DatabaseKind.SQLITE:
        database: Any = connection.connection.driver_connection
        # A function of the connection, so that SQLite walks the table itself.
        database.create_function("written_anew", 1, change, deterministic=True)
        connection.execute(update(bodies).values(body=func.written_anew(bodies.c.body)))
        return
    place = tuple_(*(bodies.c[key] for key in keys))
    query = select(*(bodies.c[key] for key in keys), bodies.c.body).order_by(*(bodies.c[key] for key in keys))
    changed = update(bodies).where(*(bodies.c[key] == bindparam(f"old_{key}") for key in keys))
    page = connection.execute(query.limit(ROWS_PER_READ)).mappings().all()
    while page:
        rows = [{f"old_{key}": row[key] for key in keys} | {"body": change(row["body"])} for row in page]
        connection.execute(changed, rows)
        last = tuple(page[-1][key] for key in keys)
        page = connection.execute(query.where(place > last).limit(ROWS_PER_READ)).mappings().all()
