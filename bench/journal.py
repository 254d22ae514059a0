# ruff: noqa: INP001 (a script, not a package)
"""Measure the journal's write path beside bare sqlite3 in the same run.

Run it as ``.venv/bin/python bench/journal.py [orders]``. One order is four facts in two units, and the states they
change. Every line is measured right after the bare one it is compared with, because disks have slow phases.
``bench.databases`` does it on PostgreSQL and MariaDB too.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import sqlite3
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from fairlead.clock import SystemClock
from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, MarginMode, PositionSide
from fairlead.core.model.ids import derive_id
from fairlead.core.model.order import Fill, Liquidity, Order, OrderStatus
from fairlead.core.model.request import Enter, OrderRequest, OrderType, Side, Size, SizeUnit, SourceKind, TimeInForce
from fairlead.core.model.risk import RiskVerdict
from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.ports import AppendOutcome, Committed, Fact, Unit
from fairlead.store.databases.sqlite_statements import INSERT_ROWS
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import migrate
from fairlead.store.sqlite_file import open_writer
from fairlead.store.verify import verify

ORDERS: Final = 40_000
ACCOUNTS: Final = 300
IN_FLIGHT: Final = 300
START_MS: Final = 1_700_000_000_000
ROWS_PER_COMMIT: Final = 1_000
TENANT: Final = "tenant-1"
CLOCK: Final = SystemClock()


def make_units(number: int) -> tuple[Unit, Unit]:
    """The two units of one order: asked and approved; accepted and filled."""
    account = f"account-{number % ACCOUNTS}"
    at_ms = START_MS + number
    cause = derive_id(at_ms, "alert", str(number))
    request = make_request(number, account, cause)
    order = make_order(number, request)
    verdict = RiskVerdict(order_id=order.order_id, approved=True, profile="standard", checks=())

    def fact(event: ev.Event, key: str) -> Fact:
        return Fact(tenant=TENANT, stream=f"account:{account}", cause=cause, at_ms=at_ms, event=event, key=key)

    fill = Fill(
        trade_id=str(number),
        order_id=order.order_id,
        symbol=order.symbol,
        price=Decimal("64000.1"),
        quantity=order.quantity,
        fee=Decimal("0.00005"),
        fee_currency="BTC",
        liquidity=Liquidity.TAKER,
        at_ms=at_ms,
    )
    accepted = ev.OrderAccepted(order_id=order.order_id, account_id=account, venue_order_id=str(number), at_ms=at_ms)
    filled = msgspec.structs.replace(order, status=OrderStatus.FILLED, filled_quantity=order.quantity)
    order_id, request_id = order.order_id, request.request_id
    working = RequestState(request=request, status=RequestStatus.WORKING, order_ids=(order_id,), updated_ms=at_ms)
    return (
        Unit(
            facts=(
                fact(ev.OrderRequested(request=request), request_id),
                fact(ev.OrderApproved(order=order, verdict=verdict, sizing=()), order_id),
            ),
            states=(working, order),
            chain=account,
        ),
        Unit(
            facts=(
                fact(accepted, order_id),
                fact(ev.OrderFilled(account_id=account, fill=fill, is_last=True), f"{order_id}:{number}"),
            ),
            states=(
                msgspec.structs.replace(working, status=RequestStatus.FILLED),
                filled,
                Balance(tenant=TENANT, account_id=account, currency="USDT", total=Decimal(number)),
                Balance(tenant=TENANT, account_id=account, currency="BTC", total=Decimal(number)),
            ),
            chain=account,
        ),
    )


def make_request(number: int, account: str, cause: str) -> OrderRequest:
    at_ms = START_MS + number
    return OrderRequest(
        request_id=derive_id(at_ms, "request", str(number)),
        tenant=TENANT,
        account_id=account,
        cause=cause,
        cause_at_ms=at_ms,
        source_kind=SourceKind.WEBHOOK,
        source_id="hook-1",
        strategy_id="breakout",
        risk_profile="standard",
        symbol="BTC-USDT",
        intent=Enter(side=Side.BUY, size=Size(amount=Decimal("0.05"), unit=SizeUnit.BASE)),
        valid_until_ms=at_ms + 60_000,
    )


def make_order(number: int, request: OrderRequest) -> Order:
    at_ms = START_MS + number
    return Order(
        order_id=derive_id(at_ms, "order", str(number)),
        request_id=request.request_id,
        tenant=TENANT,
        account_id=request.account_id,
        symbol=request.symbol,
        side=Side.BUY,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CASH,
        leverage=Decimal(1),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal("0.05"),
        deadline_ms=at_ms + 1_000,
        created_ms=at_ms,
        updated_ms=at_ms,
    )


def make_small(number: int) -> Fact:
    """A fact whose row is about 200 bytes, as in most published figures."""
    event = ev.OrderAccepted(order_id=f"{number:027}", account_id="1", venue_order_id="1", at_ms=number)
    return Fact(tenant="t", stream=f"s{number % ACCOUNTS}", cause="", at_ms=number, event=event)


def repeat_some(unit: Unit, number: int) -> Unit:
    # A unit that repeats its own key is refused as any repeat is.
    return unit if number % 10 else Unit(facts=(*unit.facts, unit.facts[0]))


def fail(error: BaseException) -> None:
    raise SystemExit(str(error))


async def append_all(url: str, units: list[Unit]) -> int:
    """Keep a bounded number of units in flight, as desks do; returns how many were refused."""
    journal = await StoredJournal.open(url, on_death=fail)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[int] = loop.create_future()
    waiting = iter(units)
    counts = {"open": 0, "refused": 0}

    def put_more() -> None:
        while counts["open"] < IN_FLIGHT:
            unit = next(waiting, None)
            if unit is None:
                if counts["open"] == 0 and not done.done():
                    done.set_result(counts["refused"])
                return
            counts["open"] += 1
            journal.append(unit, tell)

    def tell(outcome: AppendOutcome) -> None:
        counts["open"] -= 1
        counts["refused"] += not isinstance(outcome, Committed)
        put_more()

    put_more()
    refused = await done
    await journal.close()
    return refused


def write_bare(path: Path, units: list[Unit]) -> float:
    """Measure the floor: the same rows by executemany, without chain, states or anybody to tell; in rows/s."""
    encode = msgspec.json.Encoder().encode
    digest = hashlib.sha256().digest()
    facts = [fact for unit in units for fact in unit.facts]
    rows = [
        (at, one.tenant, one.stream, at, type(one.event).__name__, one.key, one.cause, one.at_ms, one.event, digest)
        for at, one in enumerate(facts, 1)
    ]
    migrate(f"sqlite:///{path}")
    connection = open_writer(path)
    started = CLOCK.monotonic_s()
    for start in range(0, len(rows), ROWS_PER_COMMIT):
        encoded = [(*row[:8], encode(row[8]), row[9]) for row in rows[start : start + ROWS_PER_COMMIT]]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT_ROWS, encoded)
        connection.execute("COMMIT")
    seconds = CLOCK.monotonic_s() - started
    connection.close()
    return len(rows) / seconds


def measure(name: str, units: list[Unit]) -> None:
    """Print one line for a way of using the journal."""
    rows = sum(len(unit.facts) for unit in units)
    with tempfile.TemporaryDirectory() as folder:
        bare = write_bare(Path(folder) / "bare" / "fairlead.sqlite3", units if "repeat" not in name else unique(units))
        path = Path(folder) / "journal" / "fairlead.sqlite3"
        url = f"sqlite:///{path}"
        migrate(url)
        cpu_before = cpu_seconds()
        started = CLOCK.monotonic_s()
        refused = asyncio.run(append_all(url, units))
        seconds = CLOCK.monotonic_s() - started
        cpu = 1e6 * (cpu_seconds() - cpu_before) / rows
        started = CLOCK.monotonic_s()
        report = verify(url, lambda _row: ())
        verified = report.rows / (CLOCK.monotonic_s() - started)
        size = path.stat().st_size / report.rows
    rates = f"{bare:>9,.0f} {rows / seconds:>9,.0f} {rows / seconds / bare:>6.2f} {len(units) / seconds:>9,.0f}"
    say(f"{name:<36} {rates} {cpu:>7.1f} {size:>6,.0f} {refused:>8,} {verified:>9,.0f}")


def unique(units: list[Unit]) -> list[Unit]:
    return [Unit(facts=tuple({(type(fact.event), fact.key): fact for fact in unit.facts}.values())) for unit in units]


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    units = [unit for number in range(orders) for unit in make_units(number)]
    facts_only = [Unit(facts=unit.facts) for unit in units]
    single = [Unit(facts=(fact,)) for unit in units for fact in unit.facts]
    small = [Unit(facts=(make_small(number),)) for number in range(4 * orders)]
    say(f"{orders:,} orders, Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {IN_FLIGHT} in flight")
    rates = f"{'bare/s':>9} {'rows/s':>9} {'ratio':>6} {'units/s':>9}"
    say(f"{'':<36} {rates} {'CPU us':>7} {'B/row':>6} {'refused':>8} {'verify/s':>9}")
    measure("facts of 200 bytes, one per unit", small)
    measure("facts of orders, one per unit", single)
    measure("facts of orders, two per unit", facts_only)
    measure("the same with their states", units)
    measure("every tenth unit repeats a key", [repeat_some(unit, at) for at, unit in enumerate(facts_only)])


if __name__ == "__main__":
    main()
