"""The part of an explanation about what an account holds now: its positions, and what of its cash is free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fairlead.core.model.account import Balance, MarginMode, Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.rules.valuation import entry_margin
from fairlead.reporting.explain_order import quantity_unit
from fairlead.reporting.explanation import BalancePart, PositionPart


class HeldNow(NamedTuple):
    """Table rows of the accounts that an explanation is about."""

    positions: tuple[Position, ...]
    balances: tuple[Balance, ...]
    instruments: Mapping[str, Instrument]


def describe_positions(account_id: str, symbol: str, held: HeldNow) -> tuple[PositionPart, ...]:
    """What an account holds of an instrument."""
    return tuple(
        PositionPart(
            position_side=position.position_side,
            quantity=position.quantity,
            unit=quantity_unit(symbol, position.margin_mode, held.instruments.get(symbol)),
            entry_price=position.entry_price,
            leverage=position.leverage,
            realized_pnl=position.realized_pnl,
        )
        for position in held.positions
        if position.account_id == account_id and position.symbol == symbol
    )


def describe_balances(account_id: str, symbol: str, held: HeldNow) -> tuple[BalancePart, ...]:
    """Cash in the currencies that an instrument touches."""
    instrument = held.instruments.get(symbol)
    touched = {instrument.base_currency, instrument.settle_currency} if instrument else set(symbol.split("-"))
    return tuple(
        describe_balance(balance, held)
        for balance in held.balances
        if balance.account_id == account_id and balance.currency in touched
    )


def describe_balance(balance: Balance, held: HeldNow) -> BalancePart:
    """Cash of one currency, and what of it holds positions."""
    positions = [position for position in held.positions if position.account_id == balance.account_id]
    isolated = [position for position in positions if position.margin_mode is MarginMode.ISOLATED]
    cross = [position for position in positions if position.margin_mode is not MarginMode.ISOLATED]
    cross_margin = entry_margin(cross, held.instruments, balance.currency)
    return BalancePart(
        currency=balance.currency,
        total=balance.total,
        # The margin of isolated positions is reserved already.
        available=max(ZERO, balance.available - cross_margin),
        position_margin=cross_margin + entry_margin(isolated, held.instruments, balance.currency),
    )
