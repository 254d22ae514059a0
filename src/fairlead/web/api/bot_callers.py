"""Who may look at bots, who may change them, and who may give them signals."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NoReturn, TypeVar

from starlette.requests import Request

from fairlead.accounts.registry.bots import KnownBot, StaleEdit, StillTrades
from fairlead.accounts.registry.naming import Refused
from fairlead.sources.webhook.alert import FieldError
from fairlead.sources.webhook.intake import Refusal
from fairlead.store.queries.users import Role, User
from fairlead.web.callers import Caller, check_address, find_address, find_hook, identify, refuse_stranger
from fairlead.web.tools import WebTools

CALLS_PER_MINUTE_MAX: Final = 240
PLAYS_PER_MINUTE_MAX: Final = 60
FOR_USERS: Final = "bots are for users: sign in with name and password"
MAY_NOT_CHANGE: Final = "your role may look at bots, and not change them"
T = TypeVar("T")


class RefusedCallError(Exception):
    """A call ends here, with this refusal."""

    def __init__(self, refusal: Refusal, *, settings_version: int | None = None) -> None:
        """Carry the refusal to the edge of the page; ``settings_version``: what a stale caller should look at."""
        super().__init__(refusal.error)
        self.refusal = refusal
        self.settings_version = settings_version


class BotCallers:
    """Finds out who calls, and counts."""

    def __init__(self, tools: WebTools) -> None:
        """Work with these tools."""
        self._tools = tools

    async def find_user(self, request: Request, *, changes: bool = False, plays: bool = False) -> User:
        """A user of whoever calls; ``changes`` are not for those who may only look, ``plays`` take long.

        Raises:
            RefusedCallError: it is none, or calls too often.
        """
        caller = await identify(request, self._tools)
        if isinstance(caller, Refusal):
            raise RefusedCallError(caller)
        user = self._check_user(caller, changes=changes)
        if plays:
            self._limit(self._tools.rates.hit_play(user.user_id, PLAYS_PER_MINUTE_MAX))
        return user

    def _check_user(self, caller: Caller, *, changes: bool) -> User:
        if caller.user is None:
            refuse(HTTPStatus.FORBIDDEN, FOR_USERS)
        if changes and caller.user.role is Role.VIEWER:
            refuse(HTTPStatus.FORBIDDEN, MAY_NOT_CHANGE)
        self._limit(self._tools.rates.hit_user(caller.user.user_id, CALLS_PER_MINUTE_MAX))
        return caller.user

    async def find_sender(self, request: Request, token: str) -> Caller:
        """A user who may trade, or a hook's sender, whose token may stand in the body: some can send no header.

        Raises:
            RefusedCallError: nobody of ours, or calls too often.
        """
        address = find_address(request, self._tools)
        if token and "authorization" not in request.headers:
            hook = find_hook(token, self._tools)
            refusal = (
                refuse_stranger(address, self._tools) if hook is None else check_address(hook, address, self._tools)
            )
            caller = Caller(tenant=hook.tenant, hook=hook) if hook is not None and refusal is None else refusal
        else:
            caller = await identify(request, self._tools)
        if isinstance(caller, Refusal):
            raise RefusedCallError(caller)
        assert caller is not None
        if caller.hook is None:
            self._check_user(caller, changes=True)
        else:
            self._limit(self._tools.rates.hit_hook(caller.hook.hook_id, caller.hook.rate_per_minute))
        return caller

    def reaches(self, caller: Caller, found: KnownBot) -> bool:
        """Whether a hook's alerts may trade on the account of a bot."""
        assert caller.hook is not None
        meant = self._tools.directory.current.resolve(caller.tenant, [caller.hook.target])
        return found.bot.account_id in {account.account_id for account in meant.accounts}

    def _limit(self, wait_s: int | None) -> None:
        if wait_s is not None:
            refusal = Refusal(status_code=HTTPStatus.TOO_MANY_REQUESTS, error="asked too often", retry_after_s=wait_s)
            raise RefusedCallError(refusal)


def refuse(status_code: HTTPStatus, error: str, *details: FieldError) -> NoReturn:
    """End a call.

    Raises:
        RefusedCallError: always.
    """
    raise RefusedCallError(Refusal(status_code=status_code, error=error, details=details))


def require(found: T | Refused, status_code: HTTPStatus = HTTPStatus.BAD_REQUEST, error: str = "") -> T:
    """What was found, or the end of the call.

    Raises:
        RefusedCallError: it was refused.
    """
    if isinstance(found, StaleEdit):
        refusal = Refusal(status_code=HTTPStatus.CONFLICT, error=found.message)
        raise RefusedCallError(refusal, settings_version=found.version)
    if isinstance(found, Refused):
        refuse(HTTPStatus.CONFLICT if isinstance(found, StillTrades) else status_code, error or found.message)
    return found
