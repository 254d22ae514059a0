"""What an endpoint is, what it is called with, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.simulator.okx.codes import ALL_FAILED, ALL_FAILED_TEXT, OK, SOME_FAILED, GatewayCode, fault
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.keys import ApiKey, Permission
from fairlead.simulator.okx.windows import RateLimit

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue

Row = dict[str, Any] | list[str]
"""One element of ``data`` as it goes out."""


class Call(msgspec.Struct, kw_only=True):
    """One request, checked and parsed.

    ``items`` are the elements of a body that is a list, else the one body or query itself. ``expires_at_ms`` is the
    deadline that the sender gave (``expTime``); ``by_code``: instruments must be named by number.
    """

    venue: OkxVenue
    fields: Fields
    items: tuple[Fields, ...]
    key: ApiKey | None
    address: str
    now_ms: int
    expires_at_ms: int | None = None
    by_code: bool = False

    @property
    def account_id(self) -> str:
        """Whose account it is about; private endpoints only."""
        assert self.key is not None
        return self.key.account_id


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the envelope."""

    data: Sequence[Row]
    code: str = OK
    message: str = ""


Handler = Callable[[Call], Answer]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One path and what answers it. ``permission`` None is public; ``timed`` puts ``inTime`` and ``outTime``."""

    method: str
    path: str
    handler: Handler
    limit: RateLimit
    permission: Permission | None = None
    batch_limit: RateLimit | None = None
    batch_max: int = 1
    timed: bool = False

    @property
    def is_batch(self) -> bool:
        """Whether its body is a list."""
        return self.batch_max > 1


def answer_rows(rows: Sequence[Row]) -> Answer:
    """Answer a question."""
    return Answer(data=rows)


def answer_items(rows: Sequence[dict[str, Any]]) -> Answer:
    """Answer for each item by itself: a row's own ``sCode`` decides, the top level sums up (OKX API v5)."""
    failed = sum(row["sCode"] != OK for row in rows)
    if not failed:
        return Answer(data=rows)
    if failed == len(rows):
        return Answer(data=rows, code=ALL_FAILED, message=ALL_FAILED_TEXT)
    return Answer(data=rows, code=SOME_FAILED, message="Bulk operation partially succeeded.")


def check_batch(endpoint: Endpoint, items: Sequence[Fields]) -> None:
    """Refuse a batch that is empty or too large.

    Raises:
        OkxError: 51111 or 50014.
    """
    if not items:
        raise fault(GatewayCode.PARAMETER_EMPTY, name="args")
    if len(items) > endpoint.batch_max:
        raise fault(GatewayCode.BATCH_TOO_LARGE, limit=str(endpoint.batch_max))
