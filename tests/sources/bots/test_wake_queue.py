from __future__ import annotations

from fairlead.core.model.bots.decision import Urgency
from fairlead.sources.bots.wake_queue import WakeQueue


def drain(queue: WakeQueue) -> list[str]:
    order = []
    while (bot_id := queue.pop()) is not None:
        order.append(bot_id)
    return order


def test_stops_go_before_exits_and_exits_before_entries() -> None:
    queue = WakeQueue()
    queue.push("entry", "a", Urgency.ENTRY)
    queue.push("exit", "a", Urgency.EXIT)
    queue.push("stop", "a", Urgency.STOP)
    assert drain(queue) == ["stop", "exit", "entry"]


def test_whoever_waits_already_is_moved_forward_and_never_back() -> None:
    queue = WakeQueue()
    queue.push("first", "a", Urgency.EXIT)
    queue.push("second", "a", Urgency.ENTRY)
    queue.push("second", "a", Urgency.STOP)
    queue.push("second", "a", Urgency.ENTRY)
    assert len(queue) == 2
    assert drain(queue) == ["second", "first"]


def test_a_thousand_bots_of_one_account_keep_another_account_waiting_for_one_of_them() -> None:
    queue = WakeQueue()
    for number in range(1_000):
        queue.push(f"herd{number}", "crowded", Urgency.STOP)
    queue.push("alone", "quiet", Urgency.STOP)
    assert drain(queue).index("alone") == 1


def test_an_account_that_wakes_late_does_not_overtake_what_others_have_waited_for() -> None:
    queue = WakeQueue()
    for number in range(4):
        queue.push(f"a{number}", "a", Urgency.EXIT)
        queue.push(f"b{number}", "b", Urgency.EXIT)
    served = [queue.pop() for _ in range(4)]
    assert served == ["a0", "b0", "a1", "b1"]
    queue.push("c0", "c", Urgency.EXIT)
    queue.push("c1", "c", Urgency.EXIT)
    assert drain(queue) == ["c0", "a2", "b2", "c1", "a3", "b3"]


def test_accounts_are_in_turn_again_after_everybody_was_served() -> None:
    queue = WakeQueue()
    for number in range(50):
        queue.push(f"a{number}", "a", Urgency.ENTRY)
    drain(queue)
    queue.push("a", "a", Urgency.ENTRY)
    queue.push("b", "b", Urgency.ENTRY)
    assert drain(queue) == ["a", "b"]
