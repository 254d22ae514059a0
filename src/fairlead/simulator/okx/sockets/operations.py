"""Trading over a WebSocket: the same functions, limits and rows as over REST (OKX API v5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fairlead.simulator.okx.codes import OkxError
from fairlead.simulator.okx.endpoint import Call
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.keys import ApiKey

if TYPE_CHECKING:
    from fairlead.simulator.okx.gateway import Gateway

ARGUMENTS_WRONG: Final = "60013"

Operation = Callable[["Gateway", ApiKey, str, Mapping[str, Any]], dict[str, Any]]


def _run(path: str, gateway: Gateway, key: ApiKey, address: str, message: Mapping[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = {"id": str(message.get("id") or ""), "op": message["op"]}
    came_us = gateway.venue.now_ms() * 1000
    args = message.get("args")
    if not reply["id"] or not isinstance(args, list) or not args or not all(isinstance(arg, dict) for arg in args):
        return reply | {"code": ARGUMENTS_WRONG, "msg": "Invalid args", "data": []}
    endpoint = gateway.paths[f"/api/v5/trade/{path}"]["POST"]
    items = tuple(Fields(arg) for arg in args)
    deadline = str(message.get("expTime") or "")
    call = Call(
        venue=gateway.venue,
        fields=items[0],
        items=items if endpoint.is_batch else items[:1],
        key=key,
        address=address,
        now_ms=gateway.venue.now_ms(),
        expires_at_ms=int(deadline) if deadline.isascii() and deadline.isdigit() else None,
        by_code=gateway.venue.options.is_strict,
    )
    try:
        answer = gateway.perform(endpoint, call)
    except OkxError as error:
        return reply | {"code": error.code, "msg": error.message, "data": []}
    times = {"inTime": str(came_us), "outTime": str(gateway.venue.now_ms() * 1000)}
    return reply | {"code": answer.code, "msg": answer.message, "data": answer.data} | times


OPERATIONS: Final[Mapping[str, Operation]] = {
    "order": partial(_run, "order"),
    "batch-orders": partial(_run, "batch-orders"),
    "cancel-order": partial(_run, "cancel-order"),
    "batch-cancel-orders": partial(_run, "cancel-batch-orders"),
    "amend-order": partial(_run, "amend-order"),
    "batch-amend-orders": partial(_run, "amend-batch-orders"),
}
"""What may be asked by ``op``, by the REST path that does the same."""
