"""The web application in front of a whole webhook source, called over ASGI or over real sockets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import httpx2
import msgspec

from fairlead.accounts.addresses import AddressList
from fairlead.accounts.directory import Directory
from fairlead.accounts.passwords import hash_password
from fairlead.accounts.registry.bots import BotRegistry
from fairlead.accounts.users import PasswordDoor
from fairlead.observing.health import Condition
from fairlead.settings import Settings
from fairlead.store.queries.hook_calls import RefusedCall
from fairlead.web.app import build_app
from fairlead.web.tools import CallIds, Monitoring, WebTools
from fairlead.wiring.bot_checks import BotChecks
from fairlead.wiring.replaying import known_instruments
from tests.sources.webhook.world import ALERT, OWNER, TENANT, TOKEN, World

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = hash_password(PASSWORD)
SENDER = "203.0.113.9"
PROXY = "10.0.0.1"
STRANGER = msgspec.structs.replace(
    OWNER, user_id="u2", tenant="evil", username="eve", password_hash=hash_password("evil" * 4)
)


def basic(username: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class Site:
    """A world with a web in front of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.refused: list[RefusedCall] = []
        self.faults: list[BaseException] = []
        self.health = Condition(details={"accounts": 2})
        self.readiness = Condition(details={"accounts": 2})
        self.metrics_token = ""
        self.explanations: dict[tuple[str, str], dict[str, object]] = {}
        self.allowed_addresses = AddressList(())
        self.prices: dict[str, Decimal] = {}
        self.body_bytes_max = 65_536
        self.build()

    def build(self) -> None:
        """Build the application anew, with what is set now."""
        world = self.world
        settings = Settings(database_url=world.url)
        self.checks = BotChecks(settings, world.clock, world.directory, lambda _, symbol: self.prices.get(symbol))
        self.tools = WebTools(
            intake=world.intake,
            directory=world.directory,
            passwords=PasswordDoor(find_user=world.directory.find_user, clock=world.clock),
            clock=world.clock,
            call_ids=CallIds(world.clock, "run-1"),
            explain=self._explain,
            bots=BotRegistry(world.store, world.clock, lambda _: known_instruments()),
            look_at_bot=self.checks.look,
            monitoring=Monitoring(
                check_health=lambda: self.health,
                check_ready=lambda: self.readiness,
                render_metrics=lambda: b"fairlead_ready 1.0\n",
                token=self.metrics_token,
            ),
            note_refused=self.refused.append,
            report_fault=lambda _, error: self.faults.append(error),
            trusted_proxies=(ip_network("10.0.0.0/8"),),
            allowed_addresses=self.allowed_addresses,
            body_bytes_max=self.body_bytes_max,
        )
        self.app = build_app(self.tools)

    async def add_users(self) -> None:
        """Give the owner a password, and add somebody of another tenant."""
        owner = msgspec.structs.replace(OWNER, password_hash=PASSWORD_HASH)
        world = self.world
        world.directory.current = Directory(
            users=[owner, STRANGER], accounts=world.accounts, groups=world.groups, hooks=[world.hook]
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        sender: str = SENDER,
        headers: Mapping[str, str] | None = None,
        **request: Any,  # noqa: ANN401 whatever the client takes
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app, client=(sender, 4711))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=dict(headers or {}), **request)

    async def post(self, changes: Mapping[str, object] | None = None, path: str = "/webhook") -> httpx2.Response:
        return await self.call("POST", path, json={**ALERT, **(changes or {})})

    async def _explain(self, tenant: str, subject: str) -> dict[str, object] | None:
        return self.explanations.get((tenant, subject))


__all__ = ["ALERT", "PASSWORD", "PROXY", "SENDER", "TENANT", "TOKEN", "Site", "basic", "bearer"]
