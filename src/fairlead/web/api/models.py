"""The shapes of answers, for the API's description only; the answers themselves are written by msgspec."""

from __future__ import annotations

from pydantic import BaseModel


class AccountResultModel(BaseModel):
    """What became of an alert on one account."""

    account: str
    status: str
    quantity: str
    quantity_unit: str
    client_order_id: str
    venue_order_id: str
    reason_code: str
    message: str


class AlertAnswerModel(BaseModel):
    """How an alert stands; each account of its target is counted once."""

    status: str
    message: str
    requestId: str  # noqa: N815 drop-in callers know this spelling
    successful: int
    failed: int
    pending: int
    dryRun: bool  # noqa: N815 likewise
    warnings: list[str]
    results: list[AccountResultModel]
    status_url: str
    duplicate_of: str | None


class FieldErrorModel(BaseModel):
    """What is wrong with one field."""

    field: str
    value: str
    rule: str


class ErrorModel(BaseModel):
    """A refusal."""

    status: str
    error: str
    message: str
    requestId: str  # noqa: N815 likewise
    details: list[FieldErrorModel]


class AddressModel(BaseModel):
    """From where we see a caller, and what lets them in; null where nothing does."""

    requestId: str  # noqa: N815 likewise
    address: str | None
    installation_rule: str | None
    hook_rule: str | None
    allowed: bool
