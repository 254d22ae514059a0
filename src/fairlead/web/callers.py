"""Who is calling: from which address, with whose token or password."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import Request

from fairlead.accounts.addresses import IpAddress, find_client
from fairlead.accounts.passwords import PasswordsBusyError
from fairlead.accounts.tokens import hash_token
from fairlead.sources.webhook.intake import Refusal
from fairlead.store.queries.hooks import Hook
from fairlead.store.queries.users import User
from fairlead.web.replies import UNAUTHORIZED_TEXT
from fairlead.web.tools import WebTools

BUSY_RETRY_S: Final = 2


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who proved who they are: a hook's sender, or a user."""

    tenant: str
    hook: Hook | None = None
    user: User | None = None

    @property
    def hook_id(self) -> str:
        """The hook beyond which the caller sees nothing; empty for users."""
        return self.hook.hook_id if self.hook is not None else ""


def find_address(request: Request, tools: WebTools) -> IpAddress | None:
    """The caller's address, behind trusted proxies."""
    peer = request.client.host if request.client is not None else ""
    return find_client(peer, request.headers.getlist("x-forwarded-for"), tools.trusted_proxies)


def read_credentials(request: Request) -> tuple[str, str]:
    """Scheme in lower case and what follows it."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return scheme.lower(), value.strip()


def find_hook(token: str, tools: WebTools) -> Hook | None:
    """The hook that a token opens now."""
    return tools.directory.current.find_hook_by_token(hash_token(token), tools.clock.now_ms()) if token else None


def check_address(hook: Hook, address: IpAddress | None, tools: WebTools) -> Refusal | None:
    """Refuse a sender whom the installation's list or the hook's own does not let in."""
    hook_rule = tools.directory.current.find_address_rule(hook, address)
    return None if tools.allowed_addresses.allows(address) and hook_rule is not None else refuse_address(address)


def refuse_address(address: IpAddress | None) -> Refusal:
    """Nobody may call from there."""
    return Refusal(
        status_code=HTTPStatus.FORBIDDEN, error=f"calls from {address or 'an unknown address'} are not allowed"
    )


def refuse_stranger(address: IpAddress | None, tools: WebTools) -> Refusal:
    """The same for every way of being wrong, until an address has been wrong too often."""
    wait_s = tools.rates.note_failure(address)
    if wait_s is not None:
        return _too_often(wait_s)
    return Refusal(status_code=HTTPStatus.UNAUTHORIZED, error=UNAUTHORIZED_TEXT)


async def identify(request: Request, tools: WebTools, *, any_address: bool = False) -> Caller | Refusal:
    """Find out who asks: a hook's sender by Bearer token, a user by Basic password."""
    address = find_address(request, tools)
    scheme, value = read_credentials(request)
    if scheme == "bearer":
        hook = find_hook(value, tools)
        if hook is None:
            return refuse_stranger(address, tools)
        refusal = None if any_address else check_address(hook, address, tools)
        return refusal or Caller(tenant=hook.tenant, hook=hook)
    if scheme == "basic":
        return await _check_password(value, address, tools)
    return refuse_stranger(address, tools)


async def _check_password(value: str, address: IpAddress | None, tools: WebTools) -> Caller | Refusal:
    try:
        username, separator, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return refuse_stranger(address, tools)
    user = tools.passwords.recall(username, password)
    if user is not None:
        return Caller(tenant=user.tenant, user=user)
    wait_s = tools.rates.blocked_s(address)
    if wait_s is not None:
        return _too_often(wait_s)
    try:
        user = await tools.passwords.enter(username, password) if separator else None
    except PasswordsBusyError:
        return Refusal(
            status_code=HTTPStatus.SERVICE_UNAVAILABLE, error="too many sign-ins at once", retry_after_s=BUSY_RETRY_S
        )
    return Caller(tenant=user.tenant, user=user) if user is not None else refuse_stranger(address, tools)


def _too_often(wait_s: int) -> Refusal:
    return Refusal(
        status_code=HTTPStatus.TOO_MANY_REQUESTS,
        error="too many failed attempts from this address",
        retry_after_s=wait_s,
    )
