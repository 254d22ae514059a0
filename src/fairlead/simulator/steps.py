"""Time: prices move step by step, makers requote, others trade, and what sleeps on a price is woken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.matching import Taker
from fairlead.simulator.trading import FLOW_OWNER

if TYPE_CHECKING:
    from fairlead.simulator.funding import Funding
    from fairlead.simulator.liquidation import Liquidation
    from fairlead.simulator.market import Market
    from fairlead.simulator.trading import Trading
    from fairlead.simulator.triggers import Triggers
    from fairlead.simulator.world import World

# A trade of the flow is at most this many hundredths of a typical quote.
_FLOW_SIZE_MAX: Final = 60
_PERCENT: Final = 100
# The sweep that follows a move takes whatever stands in the way.
_SWEEP_LOTS: Final = 10**18


class Steps:
    """Advances the world."""

    def __init__(
        self, world: World, *, trading: Trading, triggers: Triggers, funding: Funding, liquidation: Liquidation
    ) -> None:
        """Work on this world."""
        self._world = world
        self._trading = trading
        self._triggers = triggers
        self._funding = funding
        self._liquidation = liquidation

    def advance(self, now_ms: int) -> None:
        """Take the steps up to now; of a long gap all but the last steps are one jump."""
        world = self._world
        rules = world.rules
        due = (now_ms - world.stepped_ms) // rules.step_ms
        far = due - rules.steps_caught_up_max
        if far > 0:
            self._step(far)
            due -= far
        for _ in range(due):
            self._step(1)
        world.observe(now_ms)

    def _step(self, steps: int) -> None:
        world = self._world
        world.stepped_ms += steps * world.rules.step_ms
        world.observe(world.stepped_ms)
        for walk in world.walks.values():
            if steps == 1:
                walk.step()
            else:
                walk.jump(steps)
        for market in world.markets.values():
            self.move(market, steps)
        self.wake()

    def move(self, market: Market, steps: int) -> None:
        """Move one market and let its makers and others act."""
        world = self._world
        walk = world.walks[market.instrument.base_currency]
        # Chance is thrown for every market at every step, so that what one account does moves no price path.
        market.move(walk.anchor, walk.offset, world.stepped_ms, steps=steps)
        acts = market.flow_dice.below(_PERCENT) < world.rules.flow_percent
        side = Side.BUY if market.flow_dice.below(2) else Side.SELL
        lots = max(1, market.level_lots * market.flow_dice.between(1, _FLOW_SIZE_MAX) // _PERCENT)
        if not market.is_live:
            return
        self.make_quotes(market)
        if acts:
            taker = Taker(owner=FLOW_OWNER, side=side, quantity=lots * market.instrument.lot_size)
            self._trading.trade(market, taker, None)

    def make_quotes(self, market: Market) -> None:
        """Requote around the middle; orders that stand in the way are traded with first."""
        maker = market.maker
        best = maker.quote_range(market.mid_ticks)
        maker.withdraw_crossing(*best)
        bid, ask = maker.best_prices(market.mid_ticks)
        sweep = _SWEEP_LOTS * market.instrument.lot_size
        if market.book.crosses(Side.SELL, ask):
            self._trading.trade(market, Taker(owner=FLOW_OWNER, side=Side.SELL, quantity=sweep, limit_price=ask), None)
        if bid > ZERO and market.book.crosses(Side.BUY, bid):
            self._trading.trade(market, Taker(owner=FLOW_OWNER, side=Side.BUY, quantity=sweep, limit_price=bid), None)
        maker.requote(*best)

    def wake(self) -> None:
        """Wake whoever sleeps on a price or on the time."""
        for market in self._world.markets.values():
            self._triggers.check(market)
        self._liquidation.check()
        self._funding.settle_due()
