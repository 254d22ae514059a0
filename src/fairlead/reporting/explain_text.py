"""An explanation as plain text that reads well on a terminal and in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.events import SizingLine
from fairlead.core.model.money import format_amount
from fairlead.core.model.preview import Preview
from fairlead.core.model.risk import CheckOutcome, RiskCheck, RiskVerdict
from fairlead.core.rules.policy import describe_verdict
from fairlead.core.rules.risk import explain_check
from fairlead.reporting.explanation import (
    AccountPart,
    AlertPart,
    BalancePart,
    BotPart,
    Explanation,
    OrderPart,
    PositionPart,
    RefusedCallPart,
    StepPart,
    Totals,
)
from fairlead.reporting.times import clock_text, time_text

LABEL_WIDTH: Final = 10
PRICE_DIGITS: Final = 8
_GREEN: Final = "32"
_RED: Final = "31"
_YELLOW: Final = "33"
_BOLD: Final = "1"
_DIM: Final = "2"
# The word that explain_check uses.
_SAID: Final[Mapping[CheckOutcome, str]] = {
    CheckOutcome.PASS: "passed",
    CheckOutcome.DENY: "denied",
    CheckOutcome.SKIPPED: "skipped",
}
_COLOURS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("filled", "accepted", "done", "passed", "approved", "dry_run"), _GREEN),
    **dict.fromkeys(("denied", "rejected", "expired", "stale", "failed"), _RED),
    **dict.fromkeys(("unknown", "queued", "working", "skipped", "canceled", "received", "partially_filled"), _YELLOW),
}


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colour on words, or not."""

    colour: bool

    def word(self, text: str, kind: str | None = None) -> str:
        """A status word in its colour."""
        return self._wrap(_COLOURS.get(kind or text, ""), text)

    def strong(self, text: str) -> str:
        """A heading."""
        return self._wrap(_BOLD, text)

    def faint(self, text: str) -> str:
        """Something that may be overlooked."""
        return self._wrap(_DIM, text)

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text


def explanation_text(explanation: Explanation, *, colour: bool = False) -> str:
    """Write the whole explanation; colours only when asked for."""
    paint = Paint(colour)
    lines: list[str] = []
    if explanation.refused_call is not None:
        lines += _refused_call_lines(explanation.refused_call, paint)
    if explanation.alert is not None:
        lines += _alert_lines(explanation.alert, explanation.subject, paint)
    for account in explanation.accounts:
        lines += ["", *_account_lines(account, paint)]
    if explanation.accounts:
        lines += ["", *_totals_lines(explanation.totals)]
    return "\n".join(lines)


def _line(label: str, text: str) -> str:
    return f"  {label:<{LABEL_WIDTH}} {text}".rstrip()


def _lines(label: str, texts: Iterable[str]) -> Iterator[str]:
    """The label once, then one line per text."""
    for index, text in enumerate(texts):
        yield _line("" if index else label, text)


def _alert_lines(alert: AlertPart, subject: str, paint: Paint) -> Iterator[str]:
    yield paint.strong(f"Alert {alert.alert_id}")
    repeat = next((repeat for repeat in alert.repeats if repeat.alert_id == subject), None)
    if repeat is not None:
        yield _line("duplicate", f"{subject} is the same alert sent again: nothing was done, this is the first one")
    yield _line("received", f"{time_text(alert.received_ms)} from {alert.source_address} on hook {alert.hook_label}")
    yield from _lines("body", (alert.body or "(empty)").splitlines())
    key = "sender's" if alert.explicit_key else "computed from the body"
    yield _line("key", f"{alert.duplicate_key} ({key})")
    reason = " ".join(part for part in (alert.reason_code, alert.detail) if part)
    yield _line("verdict", paint.word(alert.verdict) + (f": {reason}" if reason else ""))
    if alert.mapping[1]:
        yield _line("symbol", f"{alert.mapping[0]} is {alert.mapping[1]}")
    yield from _lines("warnings", alert.warnings)
    for other in alert.repeats:
        yield _line(
            "repeated", f"{time_text(other.received_ms)} from {other.source_address} ({other.alert_id}): ignored"
        )


def _refused_call_lines(call: RefusedCallPart, paint: Paint) -> Iterator[str]:
    yield paint.strong(f"Refused call {call.call_id}")
    where = f" on hook {call.hook_label}" if call.hook_label else ""
    yield _line("received", f"{time_text(call.received_ms)} from {call.source_address}{where}")
    yield _line("answer", f"{paint.word(str(call.status_code), 'denied')} {call.error}")
    yield from _lines("details", call.details)
    yield from _lines("body", call.body.splitlines())
    yield _line("effect", "none: no alert was stored and no order was requested")


def _account_lines(account: AccountPart, paint: Paint) -> Iterator[str]:
    mode = {PositionMode.NET: "net mode", PositionMode.LONG_SHORT: "long/short mode", None: ""}[account.position_mode]
    about = ", ".join(part for part in (account.mode, f"{account.kind} {account.exchange}".strip(), mode) if part)
    heading = f"{paint.strong(account.label)} {paint.faint(f'({about})')}" if about else paint.strong(account.label)
    yield f"{heading}: {paint.word(account.status.upper(), account.status)}{_outcome(account)}"
    yield from _bot_lines(account.bot)
    yield _line("asked", account.wish)
    yield from _lines("because", _reasons(account))
    yield from _lines("numbers", [f"{name} = {value}" for name, value in account.numbers.items()])
    yield from _lines("warnings", account.warnings)
    yield from _lines("would send", [] if account.preview is None else _preview_texts(account.preview))
    yield from _sizing_lines(account.sizing)
    yield from _lines("policy", map(describe_verdict, account.policies))
    yield from _verdict_lines(account.verdict, paint)
    for setting in account.settings:
        yield _line("account", f"{clock_text(setting.at_ms)}  {setting.what} {setting.text}")
    for order in account.orders:
        yield from _order_lines(order, paint)
    yield from _lines("time", _timing(account.timing))
    yield from _lines("position", [_position_text(position) for position in account.positions] or _flat(account))
    yield from _lines("balance", [_balance_text(balance) for balance in account.balances])


def _bot_lines(bot: BotPart | None) -> Iterator[str]:
    if bot is None:
        return
    yield _line("bot", f"{bot.name}, cycle {bot.cycle}: {bot.what}")
    when = f"decision {bot.decision} at {time_text(bot.at_ms)}, at a last price of {_price_text(bot.price)}"
    yield from _lines("decided", [when, *(bot.reasons or ("its rule wants this, and it was not there",))])


def _preview_texts(preview: Preview) -> Iterator[str]:
    yield (
        f"{format_amount(preview.quantity)} {preview.quantity_unit}, "
        f"worth {_price_text(preview.notional)} {preview.notional_currency}, "
        f"margin {_price_text(preview.margin)} {preview.settle_currency}, "
        f"fee about {_price_text(preview.fee)} {preview.settle_currency}"
    )
    yield from (f"first: {step}" for step in preview.before)
    yield from (", ".join(f"{name} {value}" for name, value in body.items()) for body in preview.bodies)


def _timing(steps: Sequence[StepPart]) -> list[str]:
    if not steps:
        return []
    told = ", ".join(f"{step.name} +{step.took_ms} ms" for step in steps)
    return [f"{told}: {sum(step.took_ms for step in steps)} ms in all"]


def _reasons(account: AccountPart) -> list[str]:
    if account.verdict is not None and account.verdict.denials:
        return [explain_check(check) for check in account.verdict.denials]
    reason = " ".join(part for part in (account.reason_code, account.message) if part)
    return [reason] if reason else []


def _outcome(account: AccountPart) -> str:
    if not account.filled_quantity:
        return ""
    prices = [order for order in account.orders if order.fills and not order.origin]
    at = f" at {_price_text(prices[0].average_price)}" if len(prices) == 1 else ""
    fees = ", ".join(
        f"{format_amount(fee)} {currency}" for order in account.orders for currency, fee in order.fees.items()
    )
    return f" {format_amount(account.filled_quantity)} {account.unit}{at}, fee {fees}"


def _sizing_lines(sizing: tuple[SizingLine, ...]) -> Iterator[str]:
    width = max((len(line.label) for line in sizing), default=0)
    yield from _lines(
        "size",
        [f"{line.label:<{width}}  {line.formula}{' = ' if line.formula else ''}{line.result}" for line in sizing],
    )


def _verdict_lines(verdict: RiskVerdict | None, paint: Paint) -> Iterator[str]:
    if verdict is None:
        return
    word = "approved" if verdict.approved else "denied"
    yield _line("risk", f"{paint.word(word)} by profile {verdict.profile}, {len(verdict.checks)} checks")
    short = [check for check in verdict.checks if _is_short(check)]
    yield from _lines("", [_check_text(check, paint) for check in verdict.checks if check not in short])
    grouped: dict[tuple[CheckOutcome, str], list[str]] = {}
    for check in short:
        grouped.setdefault((check.outcome, check.detail), []).append(check.code)
    for (outcome, detail), codes in grouped.items():
        heading = paint.word("also passed" if outcome is CheckOutcome.PASS else "skipped", _SAID[outcome])
        names = ", ".join(dict.fromkeys(codes))
        yield _line("", f"  {heading}{f' ({detail})' if detail else ''}: {names}")


def _is_short(check: RiskCheck) -> bool:
    """Whether a check says nothing that needs a line of its own."""
    return check.outcome is CheckOutcome.SKIPPED or (check.outcome is CheckOutcome.PASS and check.value is None)


def _check_text(check: RiskCheck, paint: Paint) -> str:
    code, word, rest = explain_check(check).partition(_SAID[check.outcome])
    return f"  {code}{paint.word(word)}{rest}"


def _order_lines(order: OrderPart, paint: Paint) -> Iterator[str]:
    yield from _sizing_lines(order.sizing)
    yield from _lines("policy", map(describe_verdict, order.policies))
    yield from _verdict_lines(order.verdict, paint)
    side = "" if order.position_side is PositionSide.NET else f" {order.position_side}"
    origin = f" ({order.origin.replace('_', ' ')})" if order.origin else ""
    what = (
        f"{order.side}{side} {format_amount(order.quantity)} {order.unit} {order.order_type.replace('_', '-')}{origin}"
    )
    terms = f", {', '.join(order.terms)}" if order.terms else ""
    yield _line("order", f"{order.order_id}: {paint.word(order.status)}")
    yield _line("", f"{what}{terms}")
    for message in order.messages:
        text = " ".join(part for part in (message.code, message.text) if part)
        yield _line("", f"{clock_text(message.at_ms)}  {paint.word(message.what)} {text}")
    if len(order.fills) > 1:
        yield _line("", f"average price {_price_text(order.average_price)} over {len(order.fills)} fills")


def _position_text(position: PositionPart) -> str:
    if not position.quantity:
        return f"now flat{_side_text(position)}, realized P&L {_price_text(position.realized_pnl)}"
    quantity = f"{format_amount(position.quantity)} {position.unit}"
    return (
        f"now{_side_text(position)} {quantity} at {_price_text(position.entry_price)}, "
        f"{format_amount(position.leverage)}x, realized P&L {_price_text(position.realized_pnl)}"
    )


def _side_text(position: PositionPart) -> str:
    return "" if position.position_side is PositionSide.NET else f" {position.position_side}"


def _flat(account: AccountPart) -> list[str]:
    return ["none"] if account.unit == "contracts" and account.balances else []


def _balance_text(balance: BalancePart) -> str:
    margin = f", {_price_text(balance.position_margin)} margin of positions" if balance.position_margin else ""
    available = f"of it {_price_text(balance.available)} available{margin}"
    return f"now {_price_text(balance.total)} {balance.currency}, {available}"


def _totals_lines(totals: Totals) -> Iterator[str]:
    statuses = ", ".join(f"{count} {status}" for status, count in totals.by_status.items())
    accounts = "account" if totals.accounts == 1 else "accounts"
    yield f"Together: {totals.accounts} {accounts}: {statuses}"
    filled = [f"{format_amount(quantity)} {unit}" for unit, quantity in totals.filled.items()]
    fees = [f"{format_amount(fee)} {currency}" for currency, fee in totals.fees.items()]
    if filled:
        yield _line("filled", ", ".join(filled))
    if fees:
        yield _line("fees", ", ".join(fees))


def _price_text(value: Decimal) -> str:
    """At most eight decimals: enough for every tick, and readable for an average or a share."""
    return format_amount(round(value, PRICE_DIGITS))
