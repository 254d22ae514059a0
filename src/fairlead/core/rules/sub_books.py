"""Whose share of a holding is whose: what each fill adds to or takes from the sub-books of the sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.account import PositionSide, SubPosition
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import CloseScope
from fairlead.core.rules.holds import only_reduces

HoldingKey = tuple[str, PositionSide]
# Source and strategy; nobody's share has neither and needs no row: it is the holding without all the others.
ShareKey = tuple[str, str]
NOBODY: Final[ShareKey] = ("", "")


class SubBooks:
    """Shares of one account's holdings, without those that are zero."""

    __slots__ = ("_shares",)

    def __init__(self) -> None:
        """Start with everything nobody's."""
        self._shares: dict[HoldingKey, dict[ShareKey, SubPosition]] = {}

    def restore(self, shares: Iterable[SubPosition]) -> None:
        """Take back what was stored."""
        for share in shares:
            if share.quantity:
                key = (share.symbol, share.position_side)
                self._shares.setdefault(key, {})[share.source_id, share.strategy_id] = share

    @property
    def keys(self) -> list[HoldingKey]:
        """Holdings that a source has a share of."""
        return list(self._shares)

    def shares(self, key: HoldingKey) -> Mapping[ShareKey, SubPosition]:
        """Every share of a holding but nobody's."""
        return self._shares.get(key, {})

    def share_of(self, key: HoldingKey, source_id: str, strategy_id: str | None = None) -> Decimal:
        """What a source, or one strategy of it, has of a holding."""
        return sum(
            (
                share.quantity
                for owner, share in self.shares(key).items()
                if owner[0] == source_id and strategy_id in {None, owner[1]}
            ),
            ZERO,
        )

    def fill(self, order: Order, *, after: Decimal, change: Decimal, lot: Decimal, is_spot: bool) -> list[SubPosition]:
        """Book one fill that moved the holding by ``change`` to ``after``; returns the shares that it changed."""
        key, owner = (order.symbol, order.position_side), (order.source_id, order.strategy_id)
        scope = order.close_scope
        takes_all = scope is CloseScope.ACCOUNT or (not is_spot and only_reduces(order))
        takes = takes_all or scope is CloseScope.SOURCE or (is_spot and change < ZERO)
        if not takes:
            return self._move(key, {owner: change}, order)
        if not after and (scope is CloseScope.ACCOUNT or owner == NOBODY):
            # Whoever ends the whole holding ends every claim on it.
            return self.clear(key)
        holders = {name: share.quantity for name, share in self.shares(key).items()}
        holders[NOBODY] = after - change - sum(holders.values(), ZERO)
        holders = {name: held for name, held in sorted(holders.items()) if held * change < ZERO}
        mine = {name: held for name, held in holders.items() if name == owner and owner != NOBODY}
        tiers = [mine]
        if scope is CloseScope.SOURCE:
            tiers.append({name: held for name, held in holders.items() if name[0] == owner[0] and name != owner})
        if is_spot and scope is not CloseScope.ACCOUNT:
            tiers.append({name: held for name, held in holders.items() if name == NOBODY})
        if takes_all or is_spot:
            tiers.append(holders)
        return self._move(key, _take(tiers, change, lot, rest_to=NOBODY if is_spot else owner), order)

    def follow(self, key: HoldingKey, *, before: Decimal, after: Decimal, lot: Decimal) -> list[SubPosition]:
        """Follow a holding that changed without a fill of ours: less takes from all, more is nobody's."""
        change = after - before
        if not change or not self.shares(key):
            return []
        if not after or after * before < ZERO:
            return self.clear(key)
        if change * before > ZERO:
            return []
        holders = {name: share.quantity for name, share in self.shares(key).items()}
        holders[NOBODY] = before - sum(holders.values(), ZERO)
        opposed = {name: held for name, held in sorted(holders.items()) if held * change < ZERO}
        return self._move(key, _take([opposed], change, lot, rest_to=NOBODY))

    def clear(self, key: HoldingKey) -> list[SubPosition]:
        """End every share of a holding."""
        return self._move(key, {owner: -share.quantity for owner, share in sorted(self.shares(key).items())})

    def _move(self, key: HoldingKey, moves: dict[ShareKey, Decimal], order: Order | None = None) -> list[SubPosition]:
        changed = []
        for owner, change in moves.items():
            if owner == NOBODY or not change:
                continue
            held = self._shares.setdefault(key, {})
            before = held.get(owner)
            if before is None:
                assert order is not None, key
                before = _no_share(order)
            share = replace(before, quantity=before.quantity + change or ZERO)
            if share.quantity:
                held[owner] = share
            else:
                held.pop(owner, None)
                if not held:
                    del self._shares[key]
            changed.append(share)
        return changed


def _no_share(order: Order) -> SubPosition:
    return SubPosition(
        tenant=order.tenant,
        account_id=order.account_id,
        symbol=order.symbol,
        position_side=order.position_side,
        source_id=order.source_id,
        strategy_id=order.strategy_id,
    )


def _take(
    tiers: Iterable[Mapping[ShareKey, Decimal]],
    change: Decimal,
    lot: Decimal,
    *,
    rest_to: ShareKey,
) -> dict[ShareKey, Decimal]:
    """Split a change over tiers of holders, each down to zero before the next; what no tier bears goes to one."""
    moves: dict[ShareKey, Decimal] = {}
    left = abs(change)
    sign = 1 if change > ZERO else -1
    for tier in tiers:
        free = {owner: abs(held) - abs(moves.get(owner, ZERO)) for owner, held in tier.items()}
        for owner, part in split_pro_rata(free, left, lot).items():
            moves[owner] = moves.get(owner, ZERO) + sign * part
            left -= part
    if left:
        moves[rest_to] = moves.get(rest_to, ZERO) + sign * left
    return moves


def split_pro_rata(free: Mapping[ShareKey, Decimal], wanted: Decimal, lot: Decimal) -> dict[ShareKey, Decimal]:
    """Whole lots in proportion, what is left over from the largest; nobody gives more than there is."""
    total = sum(free.values(), ZERO)
    wanted = min(wanted, total)
    if not wanted:
        return {}
    parts = {owner: min(amount, (wanted * amount) // (total * lot) * lot) for owner, amount in free.items()}
    left = wanted - sum(parts.values(), ZERO)
    for owner in sorted(free, key=lambda owner: (-free[owner], owner)):
        more = min(left, free[owner] - parts[owner])
        parts[owner] += more
        left -= more
    return parts
