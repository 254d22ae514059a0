"""Turns a decoded alert into what it means here: one instrument, these accounts; or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from fairlead.accounts.directory import Directory, TargetAccounts
from fairlead.core.model.account import ExecutionMode, VenueAccount
from fairlead.core.model.ids import request_ids
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import format_amount
from fairlead.core.model.request import Close, Enter, OrderRequest, SetTarget, SourceKind, TargetPosition
from fairlead.core.model.state import AlertState
from fairlead.core.rules.symbols import NotFound, SymbolMaster
from fairlead.sources.webhook.alert import Alert, FieldError, Malformed
from fairlead.store.queries.hooks import Hook

# Clocks differ by seconds; a minute is worth a word, and five make every stale limit meaningless.
AHEAD_MS_UNNOTICED: Final = 60_000
AHEAD_MS_MAX: Final = 300_000


class PreparedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert whose symbol and accounts are found."""

    alert: Alert
    hook: Hook
    instrument: Instrument
    accounts: tuple[VenueAccount, ...]
    warnings: tuple[str, ...]

    @property
    def closes(self) -> bool:
        """Whether it can only lessen what is held."""
        match self.alert.intent:
            case Close():
                return True
            case SetTarget(target=target):
                return target is TargetPosition.FLAT
            case Enter():
                return self.alert.reduce_only
            case _:
                return False

    @property
    def reads_position(self) -> bool:
        """Whether what it does depends on what is held, so that its place among others matters."""
        return not isinstance(self.alert.intent, Enter) or self.alert.reduce_only

    @property
    def age_max_ms(self) -> int:
        """How old the alert may be: the hook's limit, or its own where that is stricter."""
        return min(self.alert.lag_max_ms or self.hook.stale_after_ms, self.hook.stale_after_ms)


def prepare_alert(
    alert: Alert,
    hook: Hook,
    directory: Directory,
    symbols: Mapping[str, SymbolMaster],
) -> PreparedAlert | Malformed:
    """Find the instrument and the accounts that a hook's alert means."""
    master = symbols.get(alert.exchange)
    if master is None:
        return _refuse("exchange", alert.exchange, f"is not an exchange here; there is {', '.join(sorted(symbols))}")
    found = master.find(alert.symbol_text, alert.product)
    if isinstance(found, NotFound):
        hint = f"; did you mean {' or '.join(found.suggestions)}?" if found.suggestions else ""
        return _refuse("symbol", alert.symbol_text, f"{found.reason}{hint}")
    instrument = found.instrument
    if alert.leverage is not None and alert.leverage > instrument.leverage_max:
        limit = format_amount(instrument.leverage_max)
        return _refuse("leverage", format_amount(alert.leverage), f"{instrument.symbol} allows at most {limit}")
    target = _find_accounts(alert, hook, directory)
    if isinstance(target, Malformed):
        return target
    accounts, warnings = target
    return PreparedAlert(
        alert=alert,
        hook=hook,
        instrument=instrument,
        accounts=accounts,
        warnings=(*alert.warnings, *warnings),
    )


def _find_accounts(
    alert: Alert,
    hook: Hook,
    directory: Directory,
) -> tuple[tuple[VenueAccount, ...], list[str]] | Malformed:
    allowed = directory.resolve(hook.tenant, (hook.target,) if hook.target else ())
    wished = directory.resolve(hook.tenant, alert.accounts) if alert.accounts else allowed
    if wished.unknown and alert.accounts:
        return _refuse("accounts", wished.unknown[0], "is no account and no group")
    inside = {account.account_id for account in allowed.accounts}
    outside = _first_outside(wished, inside)
    if outside is not None:
        return _refuse("accounts", outside.label, "is not among the accounts of this hook")
    here = [one for one in wished.accounts if one.account_id in inside and one.exchange == alert.exchange]
    enabled = tuple(account for account in here if account.enabled)
    if not enabled:
        return _refuse("accounts", "", f"the target has no enabled account of {alert.exchange}")
    return enabled, [f"account {account.label} is disabled" for account in here if not account.enabled]


def _first_outside(wished: TargetAccounts, inside: set[str]) -> VenueAccount | None:
    """An account that was named by itself but is not the hook's; of a group, the hook's part is meant."""
    named = (one for one in wished.accounts if one.account_id in wished.named_one_by_one)
    return next((one for one in named if one.account_id not in inside), None)


def _refuse(field: str, value: str, rule: str) -> Malformed:
    return Malformed(error=f"{field}: {rule}", details=(FieldError(field=field, value=value[:40], rule=rule),))


def check_clock(prepared: PreparedAlert, received_ms: int) -> PreparedAlert | Malformed:
    """Refuse an alert from the future, whose age nobody can tell; of a sender's clock that is a little ahead, warn."""
    ahead_ms = (prepared.alert.alert_time_ms or 0) - received_ms
    if ahead_ms > AHEAD_MS_MAX:
        rule = f"is {ahead_ms // 1_000} s in the future, at most {AHEAD_MS_MAX // 1_000} s are allowed"
        return _refuse("alertTime", str(prepared.alert.alert_time_ms), rule)
    if ahead_ms <= AHEAD_MS_UNNOTICED:
        return prepared
    warning = f"alertTime is {ahead_ms // 1_000} s ahead of this server's clock"
    return msgspec.structs.replace(prepared, warnings=(*prepared.warnings, warning))


def make_requests(prepared: PreparedAlert, state: AlertState) -> Sequence[OrderRequest]:
    """One request per account; the ids come from the stored alert, so doing it again gives the same ids."""
    alert, hook, symbol = prepared.alert, prepared.hook, prepared.instrument.symbol
    valid_until_ms = _find_end(prepared, state.received_ms)
    account_ids = [account.account_id for account in prepared.accounts]
    ids = request_ids(cause_at_ms=state.received_ms, cause=state.alert_id, account_ids=account_ids)
    return [
        OrderRequest(
            request_id=request_id,
            tenant=state.tenant,
            account_id=account.account_id,
            cause=state.alert_id,
            cause_at_ms=state.received_ms,
            source_kind=SourceKind.WEBHOOK,
            source_id=hook.hook_id,
            strategy_id=alert.strategy_id,
            risk_profile=hook.risk_profile or account.risk_profile,
            symbol=symbol,
            intent=alert.intent,
            valid_until_ms=valid_until_ms,
            order_type=alert.order_type,
            reduce_only=alert.reduce_only,
            dry_run=alert.dry_run or account.mode is ExecutionMode.DRY_RUN,
            mode=alert.mode,
            cap_to_available=hook.cap_to_available,
            limit_price=alert.limit_price,
            leverage=alert.leverage,
            margin_mode=alert.margin_mode,
            stop_loss_price=alert.stop_loss_price,
            take_profit_price=alert.take_profit_price,
            expected_position=alert.previous_target,
        )
        for request_id, account in zip(ids, prepared.accounts, strict=True)
    ]


def _find_end(prepared: PreparedAlert, received_ms: int) -> int:
    told_ms = prepared.alert.alert_time_ms
    if told_ms is None or (prepared.closes and prepared.hook.stale_close_passes):
        return received_ms + prepared.age_max_ms
    # A sender whose clock is ahead gains no time.
    return min(told_ms, received_ms) + prepared.age_max_ms
