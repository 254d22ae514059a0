"""A database of an earlier layout, with data, is brought up and still says what its journal says.

On SQLite, which had a first layout before servers were supported; test_upgrade_servers has each layout on servers.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fairlead.store import migrate as steps
from fairlead.store.journal import StoredJournal
from fairlead.store.verify import verify
from tests.store.samples import all_states, fold_all, make_share, note, unit

# Tables that later steps add, in an order in which they can be dropped.
LATER_TABLES = (
    "sub_positions",
    "venue_keys",
    "notify_outbox",
    "notify_channels",
    "notify_state",
    "policies",
    "drift_decisions",
    "drift_policies",
    "venue_links",
    "dead_man_switches",
    "rate_seats",
    "bot_commands",
    "bot_settings",
    "bots",
)
# The order of the samples as the first version wrote it: every field, and none of those that came later.
OLD_ORDER = (
    b'{"type":"Order","order_id":"o1","request_id":"r1","tenant":"acme","account_id":"account-1","symbol":"BTC-USDT",'
    b'"side":"buy","position_side":"net","margin_mode":"cash","leverage":"1","order_type":"market",'
    b'"time_in_force":"gtc","quantity":"0.50","deadline_ms":1700000001000,"created_ms":1700000000000,'
    b'"updated_ms":1700000000000,"leg":0,"in_quote":false,"post_only":false,"reduce_only":false,"limit_price":null,'
    b'"trigger_price":null,"stop_loss_price":null,"take_profit_price":null,"reference_price":"0",'
    b'"status":"in_flight","venue_order_id":"","filled_quantity":"0","filled_notional":"0","average_price":"0",'
    b'"fee":"0","fee_currency":"","reason_code":"","message":"","parent_id":"","origin":"","trade_ids":[],'
    b'"opening_quantity":null}'
)


async def test_a_first_layout_with_orders_is_brought_up(path: Path, url: str) -> None:
    journal = await StoredJournal.open(url, on_death=print)
    await journal.commit(unit(note(), states=all_states()))
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        (body,) = connection.execute("SELECT body FROM orders").fetchone()
        connection.execute("UPDATE orders SET body = ?", (OLD_ORDER,))
        for table in LATER_TABLES:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()

    assert steps.migrate(url)[:1] == ["0002"]

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT body, typeof(body) FROM orders").fetchone() == (body, "blob")
        assert connection.execute("SELECT * FROM sub_positions").fetchall() == []
    share = make_share()
    old_fold = tuple(state for state in fold_all(None) if state != share)  # type: ignore[arg-type]  # it looks at no row
    assert verify(url, lambda _: old_fold).problems == ()
