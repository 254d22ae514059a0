"""What somebody who writes a rule in Python works with: the class, what it may look at, and what it may answer."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NoReturn

import msgspec

from fairlead.core.model.bots.decision import Direction, Want, want_entry, want_exit
from fairlead.core.model.bots.user_rule import Orders, Target
from fairlead.core.model.conditions import Condition, Series
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side, Size, SizeUnit

NAMES_MAX: Final = 50
"""Conditions and values of one rule."""

Amount = Decimal | int | float | str
Answer = Target | Orders | None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a rule may look at: neither the future nor the clock nor the network is among it.

    ``price`` is the last price; ``position`` is what the bot holds in the instrument's unit, negative when short, and
    ``average`` its average entry price. ``values`` are those of the newest bar at which a condition changed.
    """

    price: Decimal
    position: Decimal = ZERO
    average: Decimal = ZERO
    holding: frozenset[str] = frozenset()
    held_before: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    values: Mapping[str, Decimal] = {}

    def holds(self, name: str) -> bool:
        """Whether a condition holds."""
        return self._known(name) in self.holding

    def began(self, name: str) -> bool:
        """Whether a condition holds and did not when the rule was asked before."""
        return self._known(name) in self.holding and name not in self.held_before

    def ended(self, name: str) -> bool:
        """Whether a condition does not hold and did when the rule was asked before."""
        return self._known(name) in self.held_before and name not in self.holding

    def _known(self, name: str) -> str:
        if name not in self.names:
            message = f"the rule has no condition {name!r}; it has {', '.join(sorted(self.names)) or 'none'}"
            raise ValueError(message)
        return name


class Rule:
    """A rule of one's own: parameters are annotated class attributes; a bot's settings may give them other values.

    It is frozen, so that it cannot remember anything that a restart would lose: what it did before it sees in the
    position.
    """

    timeframe: str = "1m"

    def __init__(self, parameters: Mapping[str, str] | None = None) -> None:
        """Take parameters as texts.

        Raises:
            ValueError: one is unknown, missing, or not what its annotation says.
        """
        kinds = typing.get_type_hints(type(self))
        given = dict(parameters or {})
        unknown = sorted(given.keys() - kinds.keys())
        if unknown:
            message = f"{type(self).__name__} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(kinds))}"
            raise ValueError(message)
        for name, kind in kinds.items():
            if name in given:
                object.__setattr__(self, name, _convert(name, given[name], kind))
            elif not hasattr(self, name):
                message = f"{type(self).__name__} needs a value for its parameter {name}"
                raise ValueError(message)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: a rule is frozen.

        Raises:
            AttributeError: always.
        """
        message = f"a rule is frozen, so {name} cannot be set: decide from what the view shows"
        raise AttributeError(message)

    def conditions(self) -> Mapping[str, Condition]:
        """What to watch, by name: the rule is asked when one of these begins or ceases to hold."""
        return {}

    def values(self) -> Mapping[str, Series]:
        """Numbers that it wants to see when it is asked, by name."""
        return {}

    def decide(self, view: View) -> Answer:
        """Say what is wanted now; None: what was wanted before.

        It is asked when a condition changed, an order was filled or is over, or a price that it named was reached.
        """
        raise NotImplementedError


def _convert(name: str, text: str, kind: object) -> object:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        message = f"parameter {name} = {text!r}: {error}"
        raise ValueError(message) from None


def in_quote(amount: Amount) -> Size:
    """So much in the quote currency."""
    return Size(amount=_decimal(amount), unit=SizeUnit.QUOTE)


def in_base(amount: Amount) -> Size:
    """So much of the base currency."""
    return Size(amount=_decimal(amount), unit=SizeUnit.BASE)


def in_contracts(amount: Amount) -> Size:
    """So many contracts."""
    return Size(amount=_decimal(amount), unit=SizeUnit.CONTRACTS)


def long(size: Size, *, stop: Amount | None = None, take_profit: Amount | None = None) -> Target:
    """Be long so much."""
    return Target(Direction.LONG, size, _price(stop), _price(take_profit))


def short(size: Size, *, stop: Amount | None = None, take_profit: Amount | None = None) -> Target:
    """Be short so much; on a spot market, which cannot be, hold nothing."""
    return Target(Direction.SHORT, size, _price(stop), _price(take_profit))


def flat() -> Target:
    """Hold nothing."""
    return Target()


def orders(*wants: Want, ask_at: tuple[Amount, ...] = ()) -> Orders:
    """Let these rest, and nothing else."""
    return Orders(wants, tuple(_decimal(price) for price in ask_at))


def enter_long(name: str, size: Size, *, at: Amount | None = None) -> Want:
    """Buy to open or add, at this price or better; no price: now."""
    return want_entry(name, Side.BUY, size, _price(at))


def enter_short(name: str, size: Size, *, at: Amount | None = None) -> Want:
    """Sell to open or add, at this price or better; no price: now."""
    return want_entry(name, Side.SELL, size, _price(at))


def leave(name: str, size: Size | None = None, *, at: Amount | None = None) -> Want:
    """Close so much of what is held, or all of it, at this price or better; no price: now."""
    # Which side closes is known only when it is asked for.
    return want_exit(name, Side.SELL, size, _price(at))


def _price(price: Amount | None) -> Decimal | None:
    return None if price is None else _decimal(price)


def _decimal(amount: Amount) -> Decimal:
    return amount if isinstance(amount, Decimal) else Decimal(str(amount))
