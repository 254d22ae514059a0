"""Readers of single JSON values: each gives an exact value or says in one sentence which rule is broken."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from fairlead.core.model.money import HUNDRED, ZERO, AmountError, format_amount, parse_amount
from fairlead.core.model.request import Size, SizeUnit
from fairlead.sources.webhook.json_text import NumberText
from fairlead.sources.webhook.moments import MomentError, parse_moment

NAMES_MAX: Final = 1_000
NAME_LENGTH_MAX: Final = 64
WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
PLACEHOLDER: Final = "{{"
UNFILLED: Final = "the sender left a {{placeholder}} in it"
# Nearly every number; it is none of those below.
PLAIN_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", re.ASCII)
# What a person or a template may have meant otherwise; JSON's own numbers cannot be written like this, except for the
# exponent that programs put into very small ones.
LOOSE_NUMBERS: Final = (
    (re.compile(r".*\s", re.DOTALL), "a number must not contain spaces"),
    (re.compile(r"[+]"), "a number must not begin with a plus sign"),
    (re.compile(r"-?0[0-9]", re.ASCII), "a number must not begin with zeros, such as 00.5"),
    (re.compile(r"-?[0-9.]+[eE]", re.ASCII), "a number in quotes must not have an exponent: write it out"),
)

W = TypeVar("W", bound=StrEnum)


class FieldRuleError(ValueError):
    """A value breaks a rule; the message is the rule, for the sender."""


def read_text(value: object, *, length_max: int, length_min: int = 0, numbers: bool = False) -> str:
    """Read a text; with ``numbers`` a JSON number counts as its own text."""
    if not isinstance(value, str) or (isinstance(value, NumberText) and not numbers):
        raise FieldRuleError("must be a text in quotes")
    if not length_min <= len(value) <= length_max:
        raise FieldRuleError(f"must have {length_min} to {length_max} characters")
    if PLACEHOLDER in value:
        # As a duplicate key it would be the same for ever, and swallow every alert but the first.
        raise FieldRuleError(UNFILLED)
    if CONTROL_CHARACTER.search(value):
        raise FieldRuleError("must not contain control characters")
    return str(value)


def read_word(value: object, choices: type[W]) -> W:
    """Read one of a few words, in any case."""
    try:
        return choices(value.lower() if isinstance(value, str) and value.isascii() else "")
    except ValueError:
        rule = f"must be one of {', '.join(choice.value for choice in choices)}"
        raise FieldRuleError(f"{rule}; {UNFILLED}" if PLACEHOLDER in str(value) else rule) from None


def read_flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise FieldRuleError("must be true or false")
    return value


def read_loose_flag(value: object) -> bool:
    """Read true or false, also in quotes."""
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return read_flag(value)


def read_signed_amount(value: object) -> Decimal:
    """Read an exact number, in quotes or not; what could be read in two ways is refused."""
    if not isinstance(value, str):
        raise FieldRuleError("must be a number")
    if not isinstance(value, NumberText) and PLAIN_NUMBER.fullmatch(value) is None:
        _refuse_loose_number(value)
    try:
        # One spelling per number, so that 0.1 and "0.10" make the same request and the same duplicate key.
        return Decimal(format_amount(parse_amount(value)))
    except AmountError as error:
        raise FieldRuleError(str(error)) from error


def _refuse_loose_number(text: str) -> None:
    for pattern, rule in LOOSE_NUMBERS:
        if pattern.match(text):
            raise FieldRuleError(rule)


def read_amount(value: object) -> Decimal:
    """Read an exact number above zero, in quotes or not."""
    amount = read_signed_amount(value)
    if amount <= ZERO:
        raise FieldRuleError("must be above zero")
    return amount


def read_size(value: object) -> Size:
    """Read an amount of unnamed unit, such as ``0.1``, or a percentage in quotes, such as ``50%``."""
    if not isinstance(value, str) or isinstance(value, NumberText) or not value.endswith("%"):
        return Size(amount=read_amount(value), unit=SizeUnit.NATIVE)
    return Size(amount=check_share(read_signed_amount(value[:-1])), unit=SizeUnit.PERCENT)


def check_share(share: Decimal) -> Decimal:
    """Refuse what is not a percentage of something one has."""
    if not ZERO < share <= HUNDRED:
        raise FieldRuleError("a percentage must be above 0 and at most 100")
    return share


def read_seconds_as_ms(value: object, *, seconds_max: int) -> int:
    """Read a whole number of seconds from 1 to a limit."""
    if not isinstance(value, str) or not WHOLE_NUMBER.fullmatch(value) or not 1 <= int(value) <= seconds_max:
        raise FieldRuleError(f"must be a whole number of seconds from 1 to {seconds_max}")
    return int(value) * 1_000


def read_moment(value: object) -> int:
    """Read a point in time, as UTC milliseconds."""
    if not isinstance(value, str):
        raise FieldRuleError("must be a time")
    try:
        return parse_moment(value)
    except MomentError as error:
        raise FieldRuleError(str(error)) from error


def read_names(value: object) -> tuple[str, ...]:
    """Read a list of short texts, without repeats."""
    if not isinstance(value, list) or not 0 < len(value) <= NAMES_MAX:
        raise FieldRuleError(f"must be a list of 1 to {NAMES_MAX} names; leave it out to mean all of the hook")
    return tuple(dict.fromkeys(read_text(part, length_min=1, length_max=NAME_LENGTH_MAX) for part in value))
