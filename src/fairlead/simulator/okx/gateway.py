"""From a raw HTTP request to a raw answer: route, key, rate window, parameters, handler, envelope. No sockets here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from fairlead.simulator.okx.codes import GatewayCode, OkxError, fault, wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, check_batch
from fairlead.simulator.okx.fields import Fields, fields_of
from fairlead.simulator.okx.signing import RawRequest, check_request
from fairlead.simulator.okx.venue import OkxVenue
from fairlead.simulator.okx.windows import RateLimit, Scope

BODY_BYTES_MAX: Final = 65_536

_JSON: Final = msgspec.json.Decoder(Any)
_ENCODER: Final = msgspec.json.Encoder()


class RawAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer; always JSON unless a fault made it something else."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Gateway:
    """Answers requests to a venue."""

    def __init__(self, venue: OkxVenue, endpoints: Iterable[Endpoint]) -> None:
        """Answer at these paths."""
        self.venue = venue
        self._endpoints: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            self._endpoints.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    @property
    def paths(self) -> Mapping[str, Mapping[str, Endpoint]]:
        """Every endpoint by path and method."""
        return self._endpoints

    def find(self, request: RawRequest) -> Endpoint | None:
        """The endpoint of a request, if there is one."""
        return self._endpoints.get(urlsplit(request.target).path, {}).get(request.method)

    def answer(self, request: RawRequest) -> RawAnswer:
        """Answer one request; whatever is wrong with it becomes the code and text that OKX has for it."""
        came_us = self.venue.now_ms() * 1000
        try:
            endpoint, answer = self._call(request)
        except OkxError as error:
            body = {"code": error.code, "msg": error.message, "data": []}
            return RawAnswer(status=error.status, body=_ENCODER.encode(body))
        reply: dict[str, Any] = {"code": answer.code, "msg": answer.message, "data": answer.data}
        if endpoint.timed:
            reply |= {"inTime": str(came_us), "outTime": str(self.venue.now_ms() * 1000)}
        return RawAnswer(status=200, body=_ENCODER.encode(reply))

    def _call(self, request: RawRequest) -> tuple[Endpoint, Answer]:
        endpoint = self._route(request)
        key = None
        now_ms = self.venue.now_ms()
        if endpoint.permission is not None:
            key = check_request(request, self.venue.keys, now_ms)
            if endpoint.permission not in key.permissions:
                raise fault(GatewayCode.PERMISSION_MISSING)
        fields, items = self._read(endpoint, request)
        call = Call(
            venue=self.venue,
            fields=fields,
            items=items,
            key=key,
            address=request.address,
            now_ms=now_ms,
            expires_at_ms=_deadline(request.headers),
        )
        return endpoint, self.perform(endpoint, call)

    def perform(self, endpoint: Endpoint, call: Call) -> Answer:
        """Count a call and carry it out, wherever it came from.

        Raises:
            OkxError: it is refused.
        """
        if self.venue.options.has_rate_limits:
            self._count(endpoint, call)
        return endpoint.handler(call)

    def _route(self, request: RawRequest) -> Endpoint:
        path = urlsplit(request.target).path
        methods = self._endpoints.get(path)
        if methods is None:
            raise OkxError("404", f"{path} Not Found", status=404)
        endpoint = methods.get(request.method)
        if endpoint is None:
            raise fault(GatewayCode.VERB_WRONG)
        return endpoint

    def _read(self, endpoint: Endpoint, request: RawRequest) -> tuple[Fields, tuple[Fields, ...]]:
        if request.method == "GET":
            query = urlsplit(request.target).query
            fields = Fields(dict(parse_qsl(query, keep_blank_values=True)))
            return fields, (fields,)
        if not request.body:
            raise fault(GatewayCode.BODY_EMPTY)
        if "json" not in request.headers.get("content-type", ""):
            raise fault(GatewayCode.CONTENT_TYPE)
        try:
            body = _JSON.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise fault(GatewayCode.JSON_WRONG) from None
        if not endpoint.is_batch:
            fields = fields_of(body, "body")
            return fields, (fields,)
        if not isinstance(body, list):
            raise wrong("body")
        items = tuple(fields_of(item, "body") for item in body)
        check_batch(endpoint, items)
        return items[0], items

    def _count(self, endpoint: Endpoint, call: Call) -> None:
        limit = endpoint.limit
        # A batch of one counts as a single order (OKX API v5).
        if endpoint.batch_limit is not None and len(call.items) > 1:
            limit = endpoint.batch_limit
        if not endpoint.is_batch or limit.scope is not Scope.USER_AND_INSTRUMENT:
            fits = self.venue.windows.take(limit, _counted(limit, call, call.fields), call.now_ms)
        else:
            fits = all(self.venue.windows.take(limit, _counted(limit, call, item), call.now_ms) for item in call.items)
        if not fits:
            raise fault(GatewayCode.RATE_LIMIT)


def _counted(limit: RateLimit, call: Call, fields: Fields) -> str:
    user = call.key.account_id if call.key is not None else ""
    match limit.scope:
        case Scope.ADDRESS:
            return call.address
        case Scope.ADDRESS_AND_INSTRUMENT:
            return f"{call.address} {_symbol(call, fields)}"
        case Scope.ADDRESS_AND_TYPE:
            return f"{call.address} {fields.text('instType')}"
        case Scope.USER:
            return user
        case Scope.USER_AND_INSTRUMENT:
            return f"{user} {_symbol(call, fields)}"
        case Scope.USER_AND_TYPE:
            return f"{user} {fields.text('instType')}"
        case Scope.USER_AND_TAG:
            return f"{user} {fields.text('tag')}"


def _symbol(call: Call, fields: Fields) -> str:
    # A number and a name of the same instrument share a window.
    return call.venue.catalogue.symbol_of(fields.text("instIdCode")) or fields.text("instId")


def _deadline(headers: Mapping[str, str]) -> int | None:
    text = headers.get("exptime", "")
    return int(text) if text.isascii() and text.isdigit() else None
