"""Reads conditions from text, such as ``rsi(close, 14, 5m) crosses below 30 and close > sma(close, 200, 1h)``."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from fairlead.core.model.conditions import (
    TIMEFRAMES_MS,
    Arithmetic,
    Comparison,
    Condition,
    Expression,
    Logic,
    Number,
    Series,
)
from fairlead.core.rules.conditions.vocabulary import FUNCTIONS, PRICES

TEXT_MAX: Final = 500
DEPTH_MAX: Final = 12
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<frame>\d+[mhd]\b)|(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-z_]+)|(?P<sign>>=|<=|[-+*/()<>,]))"
)
_COMPARISONS: Final = frozenset({">", ">=", "<", "<="})


def read_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ValueError: it cannot be read; the message says where and why.
    """
    if len(text) > TEXT_MAX:
        message = f"a condition of {len(text)} characters: at most {TEXT_MAX}"
        raise ValueError(message)
    reader = _Reader(text)
    found = reader.either()
    reader.expect_end()
    return reader.condition(found)


class _Reader:
    """Recursive descent, one method a level: or, and, not, comparison, sum, product, atom."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = list(_split(text))
        self._at = 0
        self._depth = 0

    def either(self) -> Expression:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._stop(f"nested more than {DEPTH_MAX} deep")
        found = self._both()
        while self._take("or"):
            found = Logic("or", (self.condition(found), self.condition(self._both())))
        self._depth -= 1
        return found

    def expect_end(self) -> None:
        if self._peek():
            self._stop(f"does not go on with {self._peek()!r}")

    def _both(self) -> Expression:
        found = self._negation()
        while self._take("and"):
            found = Logic("and", (self.condition(found), self.condition(self._negation())))
        return found

    def _negation(self) -> Expression:
        turns = 0
        while self._take("not"):
            turns += 1
        found = self._comparison()
        for _ in range(turns):
            found = Logic("not", (self.condition(found),))
        return found

    def _comparison(self) -> Expression:
        left = self._sum()
        operator = self._peek()
        if operator in _COMPARISONS:
            self._at += 1
        elif self._take("crosses"):
            way = self._next()
            if way not in {"above", "below"}:
                self._stop("crosses must be followed by above or below")
            operator = f"crosses {way}"
        else:
            return left
        return Comparison(operator, self._series(left), self._series(self._sum()))

    def _sum(self) -> Expression:
        found = self._product()
        while self._peek() in {"+", "-"}:
            found = Arithmetic(self._next(), self._series(found), self._series(self._product()))
        return found

    def _product(self) -> Expression:
        found = self._atom()
        while self._peek() in {"*", "/"}:
            found = Arithmetic(self._next(), self._series(found), self._series(self._atom()))
        return found

    def _atom(self) -> Expression:
        word = self._next()
        if word == "(":
            found = self.either()
            self._expect(")")
            return found
        if word == "-" and self._peek()[:1].isdigit():
            return Number(-float(self._next()))
        if word[:1].isdigit() and word not in TIMEFRAMES_MS:
            return Number(_number(word))
        if word in PRICES:
            return PRICES[word]
        if word in FUNCTIONS:
            return self._call(word)
        known = ", ".join([*PRICES, *FUNCTIONS])
        return self._stop(f"{word!r} is no word here; there are {known}" if word else "ends too early")

    def _call(self, name: str) -> Expression:
        self._expect("(")
        arguments: list[Expression | float | str] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._argument())
        try:
            return FUNCTIONS[name](*arguments)
        except (AttributeError, TypeError):
            return self._stop(f"{name} does not take {len(arguments)} such values")
        except ValueError as error:
            return self._stop(str(error))

    def _argument(self) -> Expression | float | str:
        if self._peek() in TIMEFRAMES_MS:
            return self._next()
        found = self.either()
        if not isinstance(found, Number):
            return found
        return int(found.value) if found.value.is_integer() else found.value

    def condition(self, found: Expression) -> Condition:
        if not isinstance(found, Condition):
            self._stop("uses a number where a condition is meant: compare it with something")
        return found

    def _series(self, found: Expression) -> Series:
        if not isinstance(found, Series):
            self._stop("compares or computes with a condition as if it were a number")
        return found

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def _take(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            self._stop(f"lacks {word!r} before {self._peek() or 'its end'!r}")

    def _stop(self, why: str) -> NoReturn:
        message = f"{self._text!r} {why}"
        raise ValueError(message)


def _split(text: str) -> list[str]:
    words, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            message = f"{text!r} has something at character {at + 1} that is no word, number or sign"
            raise ValueError(message)
        words.append(found[0].strip())
        at = found.end()
    return words


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        message = f"no timeframe {word!r}: use one of {', '.join(TIMEFRAMES_MS)}"
        raise ValueError(message) from None
