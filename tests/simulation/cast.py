"""Who is in the simulated world: tenants with their accounts, one hook each, and what their hooks send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

import msgspec

from fairlead.accounts.directory import Directory
from fairlead.core.model.account import ExecutionMode, PositionMode, VenueAccount
from fairlead.core.model.market import Quote
from fairlead.core.model.request import Side
from fairlead.sources.webhook.intake import Answered, Refusal
from fairlead.store.queries.bots import NO_BOTS, BotRoster
from fairlead.store.queries.hooks import Hook, ResponseMode
from fairlead.store.queries.users import Role, User
from tests.simulation.exchange_side import ETHER, INVERSE, LINEAR, SPOT, VenueKind

TOKEN: Final = "flh_" + "Qx7" * 14
TENANTS: Final = ("acme", "bull")
TYPES: Final = {SPOT: "spot", INVERSE: "invperps"}
# One lot of an entry, so that a dozen entries neither use an account up nor take a book at once.
AMOUNTS: Final = {SPOT: Decimal("0.002"), INVERSE: Decimal(3), ETHER: Decimal("1.5"), LINEAR: Decimal("0.75")}
KINDS: Final = ("market", "limit", "stop", "close", "part", "target", "reduce")
KIND_WEIGHTS: Final = (8, 5, 3, 3, 2, 3, 1)

_ACCOUNT: Final = VenueAccount(
    account_id="",
    tenant="",
    label="",
    exchange="okx",
    kind="",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="paper",
    opening_balances={"USDT": Decimal(200_000), "BTC": Decimal(2)},
)


def cast_accounts(dice: Random, kinds: Sequence[VenueKind], count: int) -> list[VenueAccount]:
    """Accounts in turn of each tenant, net and long/short, each at an exchange of one kind."""
    return [
        msgspec.structs.replace(
            _ACCOUNT,
            account_id=f"a{number}",
            label=f"a{number}",
            tenant=TENANTS[number % len(TENANTS)],
            kind=kinds[number % len(kinds)].name if number < len(kinds) else dice.choice(kinds).name,
            position_mode=dice.choice(tuple(PositionMode)),
        )
        for number in range(count)
    ]


def cast_hooks(dice: Random) -> dict[str, Hook]:
    """One hook a tenant, which answers at once or waits."""
    return {
        tenant: Hook(
            hook_id=f"hook-{tenant}",
            tenant=tenant,
            owner=f"owner-{tenant}",
            name="chart",
            token_hash=tenant.encode(),
            token_hint="",
            target="default",
            risk_profile="paper",
            created_ms=0,
            response_mode=dice.choice(tuple(ResponseMode)),
        )
        for tenant in TENANTS
    }


def make_directory(accounts: Sequence[VenueAccount], hooks: dict[str, Hook], roster: BotRoster = NO_BOTS) -> Directory:
    """Everybody as the product knows them."""
    users = [
        User(
            user_id=hook.owner,
            tenant=tenant,
            username=tenant,
            password_hash="",
            role=Role.OWNER,
            time_zone="UTC",
            enabled=True,
            created_ms=0,
        )
        for tenant, hook in hooks.items()
    ]
    return Directory(users=users, accounts=accounts, hooks=hooks.values(), roster=roster)


@dataclass
class Sent:
    """One alert of a tenant, and everything that its sender was told."""

    tenant: str
    alert: str
    body: bytes
    what: str
    answers: list[Answered] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def write_alert(number: int, tenant: str, dice: Random, quotes: dict[str, Quote], accounts: Sequence[str] = ()) -> Sent:
    """Make up an alert for some accounts or all: entries at market and at a limit, with a stop, closes, targets."""
    symbol = dice.choice((LINEAR, LINEAR, ETHER, INVERSE, SPOT))
    side = dice.choice(tuple(Side))
    kind = dice.choices(KINDS, weights=KIND_WEIGHTS)[0]
    amount = AMOUNTS[symbol] * dice.randint(1, 20)
    body: dict[str, object] = {
        "authToken": TOKEN,
        "exchange": "okx",
        "symbol": symbol,
        "type": TYPES.get(symbol, "perps"),
        "side": side.value,
        "qty": f"{amount:f}",
        "alertId": f"alert-{number}",
    }
    if accounts:
        body["accounts"] = list(accounts)
    if symbol != SPOT:
        # One mode an instrument, because a position has one.
        body["marginMode"] = "isolated" if symbol == ETHER else "cross"
        body["leverage"] = dice.choice(("2", "2", "2", "3"))
    mark = quotes[symbol].mark
    match kind:
        case "limit":
            away = 1 + Decimal(dice.randint(-30, 30)) / 100_000
            tick = Decimal("0.01") if symbol == ETHER else Decimal("0.1")
            body |= {"ordType": "limit", "price": f"{(mark * away).quantize(tick):f}"}
        case "stop":
            away = Decimal("0.997") if side is Side.BUY else Decimal("1.003")
            body["slPrice"] = f"{(mark * away).quantize(Decimal('0.1')):f}"
        case "close":
            body["closePosition"] = True
            del body["qty"]
        case "part":
            body |= {"closePosition": True, "qty": "50%"}
        case "target":
            target = dice.choice(("long", "flat") if symbol == SPOT else ("long", "short", "flat"))
            body |= {"marketPosition": target, "positionSize": "0" if target == "flat" else f"{amount:f}"}
        case "reduce" if symbol != SPOT:
            body["reduceOnly"] = True
        case _:
            pass
    what = f"{kind} {symbol} {side} {body.get('qty', 'all')}"
    return Sent(tenant=tenant, alert=f"alert-{number}", body=json.dumps(body).encode(), what=what)
