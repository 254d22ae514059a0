from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotOrder, BotState
from fairlead.core.model.bots.decision import want_entry
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings
from fairlead.core.model.request import Enter, OrderRequest, Side, Size, SizeUnit, SourceKind
from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.sources.bots.heard import HeardOrders
from fairlead.sources.bots.rule_shelf import RULES_KEPT_MAX, RuleShelf
from tests.core.bots.toy_exchange import SPOT

SIZE = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)


def order(name: str) -> BotOrder:
    return BotOrder(want=want_entry(name, Side.BUY, SIZE), serial=1, request_id=name, placed_ms=1)


def state(*names: str) -> BotState:
    orders = tuple(order(name) for name in names)
    return BotState(
        bot_id="b", tenant="t", account_id="a", symbol=SPOT.symbol, memory=MartingaleMemory(), orders=orders
    )


def request(name: str, status: RequestStatus = RequestStatus.DENIED) -> RequestState:
    asked = OrderRequest(
        request_id=name,
        tenant="t",
        account_id="a",
        cause="b:1",
        cause_at_ms=1,
        source_kind=SourceKind.BOT,
        source_id="b",
        strategy_id="b",
        risk_profile="ladder",
        symbol=SPOT.symbol,
        intent=Enter(side=Side.BUY, size=SIZE),
        valid_until_ms=2,
    )
    return RequestState(request=asked, status=status)


def test_only_what_was_heard_of_since_the_last_stored_state_is_news() -> None:
    heard, kept = HeardOrders(), state("r1", "r2")
    heard.hear(request("r1"))
    assert [one.request_id for one in heard.news(kept.orders, SPOT)] == ["r1"]
    # It is told again until a state with it is stored.
    heard.hear(request("r2"))
    assert [one.request_id for one in heard.news(kept.orders, SPOT)] == ["r1", "r2"]
    heard.note_stored(kept)
    assert heard.news(kept.orders, SPOT) == ()


def test_what_is_heard_while_a_state_is_on_its_way_to_the_disk_is_news_after_it() -> None:
    heard, kept = HeardOrders(), state("r1")
    heard.hear(request("r1", RequestStatus.WORKING))
    heard.news(kept.orders, SPOT)
    heard.hear(request("r1"))
    heard.note_stored(kept)
    assert [one.is_over for one in heard.news(kept.orders, SPOT)] == [True]


def test_what_was_heard_is_newer_than_what_is_stored() -> None:
    heard, kept = HeardOrders(), state("r1", "r2")
    heard.hear(request("r1"))
    heard.restore([request("r1", RequestStatus.QUEUED), request("r2", RequestStatus.QUEUED)], [])
    assert [(one.request_id, one.is_over) for one in heard.news(kept.orders, SPOT)] == [("r1", True), ("r2", False)]


def test_the_rule_of_a_bot_is_made_once_for_its_settings_its_instrument_and_its_fees() -> None:
    shelf, settings, fees = RuleShelf(), MartingaleSettings(), FeeRates()
    rule = shelf.find("b", settings, SPOT, fees)
    assert shelf.find("b", settings, SPOT, fees) is rule
    assert shelf.find("b", settings, replace(SPOT, tick_size=Decimal(1)), fees) is not rule
    rule = shelf.find("b", settings, SPOT, fees)
    assert shelf.find("b", settings, SPOT, FeeRates(spot_taker=Decimal("0.5"))) is not rule


def test_rules_of_bots_that_sleep_long_are_let_go() -> None:
    shelf, settings, fees = RuleShelf(), MartingaleSettings(), FeeRates()
    rule = shelf.find("b", settings, SPOT, fees)
    for number in range(RULES_KEPT_MAX - 1):
        shelf.find(f"b{number}", settings, SPOT, fees)
    assert shelf.find("b", settings, SPOT, fees) is rule
    for number in range(RULES_KEPT_MAX):
        shelf.find(f"c{number}", settings, SPOT, fees)
    assert shelf.find("b", settings, SPOT, fees) is not rule
