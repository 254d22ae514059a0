"""Rows of states: short, read back as they were written, and those of earlier versions too."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.core.model.state import RequestState, State
from fairlead.store.projections import name_fields, read_as, read_state, write_state
from tests.store.samples import all_states, make_order

# A body is read by the places of its fields: whoever moves or drops one writes a migration that writes the rows anew.
# One with a default may be added at the end, because older rows are shorter and read with the default.
STORED_FIELDS = {
    "AlertState": "alert_id tenant hook_id duplicate_key explicit_key received_ms verdict reason_code request_ids",
    "RequestState": "request status order_ids more filled_quantity reason_code message updated_ms warnings preview",
    "Order": (
        "order_id request_id tenant account_id symbol side position_side margin_mode leverage order_type time_in_force"
        " quantity deadline_ms created_ms updated_ms leg in_quote post_only reduce_only limit_price trigger_price"
        " stop_loss_price take_profit_price reference_price status venue_order_id filled_quantity filled_notional"
        " average_price fee fee_currency reason_code message parent_id origin trade_ids opening_quantity source_id"
        " strategy_id close_scope"
    ),
    "Position": (
        "tenant account_id symbol position_side margin_mode leverage quantity entry_price entry_cost realized_pnl fee"
        " funding"
    ),
    "SubPosition": "tenant account_id symbol position_side source_id strategy_id quantity",
    "Balance": "tenant account_id currency total reserved",
}


@pytest.mark.parametrize("state", all_states(), ids=lambda state: type(state).__name__)
def test_a_state_is_read_back_as_it_was_written(state: State) -> None:
    assert read_state(write_state(state)) == state
    assert read_as(type(state), write_state(state)) == state


@pytest.mark.parametrize("state", all_states(), ids=lambda state: type(state).__name__)
def test_a_state_as_the_first_version_wrote_it_is_still_read(state: State) -> None:
    assert read_state(msgspec.json.encode(state)) == state


@pytest.mark.parametrize("state", all_states(), ids=lambda state: type(state).__name__)
def test_the_places_of_fields_are_what_is_on_disk(state: State) -> None:
    assert list(name_fields(write_state(state)))[1:] == STORED_FIELDS[type(state).__name__].split()


def test_a_row_from_before_a_field_was_added_is_read_with_its_default() -> None:
    state = next(state for state in all_states() if isinstance(state, RequestState))
    older = msgspec.json.encode(msgspec.json.decode(write_state(state))[:-2])
    assert read_state(older) == msgspec.structs.replace(state, warnings=(), preview=None)


def test_the_row_of_an_order_has_no_names() -> None:
    # Beyond a quarter of a page, SQLite gives each row a page of its own.
    assert len(write_state(make_order())) < 400


@pytest.mark.parametrize("body", [b'["Nothing"]', b"[]", b"7", b'{"order_id":"o1"}', b"garbage"])
def test_what_is_no_state_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_state(body)
