"""One alert, one timeline: steps follow one another, take real time, and never more than the whole."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.observing.histogram import SECONDS, Histogram
from fairlead.observing.timeline import ALERT_STEPS, LEG_STEPS, TRACE_ID_LENGTH, Leg, Step, Timeline, trace_id

moments = st.floats(0, 10)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Marks in any order, some of them missing, as faults and restarts may leave them."""
    timeline = Timeline(alert_id="a", began_s=draw(moments), began_ms=0, is_answer_due=True)
    timeline.marks = draw(st.dictionaries(st.sampled_from(ALERT_STEPS), moments))
    for number in range(draw(st.integers(0, 3))):
        leg = Leg(alert_id="a", request_id=str(number), account="first")
        leg.marks = draw(st.dictionaries(st.sampled_from(LEG_STEPS), moments))
        timeline.legs[leg.request_id] = leg
    timeline.answered_s = draw(st.none() | moments)
    return timeline


@given(timelines())
def test_no_step_takes_less_than_nothing_and_all_together_no_more_than_the_whole(timeline: Timeline) -> None:
    whole_s = timeline.ended_s - timeline.began_s
    own = [ended_s - began_s for _, began_s, ended_s in timeline.alert_steps()]
    assert all(duration_s >= 0 for duration_s in own)
    for leg in timeline.legs.values():
        steps = [ended_s - began_s for _, began_s, ended_s in timeline.leg_steps(leg)]
        assert all(duration_s >= 0 for duration_s in steps)
        assert sum(own) + sum(steps) <= whole_s + 1e-9


@given(timelines())
def test_each_step_begins_where_the_one_before_ended(timeline: Timeline) -> None:
    def check(steps: Sequence[Step]) -> None:
        before_s: float | None = None
        for _, began_s, ended_s in steps:
            assert before_s is None or began_s == before_s
            before_s = ended_s

    check(timeline.alert_steps())
    for leg in timeline.legs.values():
        check(timeline.leg_steps(leg))


def test_a_trace_id_is_as_long_as_w3c_wants_it_and_tells_its_alert() -> None:
    alert_id = "0192f3a9c1dfedcba9876543210"
    assert trace_id(alert_id).startswith(alert_id)
    assert len(trace_id(alert_id)) == TRACE_ID_LENGTH
    assert int(trace_id(alert_id), 16)


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_histogram_counts_every_value_once_up_to_each_bound(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    buckets = dict(histogram.cumulated())
    assert buckets["+Inf"] == len(values)
    assert histogram.total == pytest.approx(sum(values))
    for bound in SECONDS:
        assert buckets[str(bound)] == sum(value <= bound for value in values)
