from __future__ import annotations

from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from fairlead.core.model.secret import Secret
from fairlead.ports import SealedPlace
from fairlead.vault.master_keys import KeyRing, MasterKey, VaultError
from fairlead.vault.sealing import NONCE_BYTES, PLAIN_BYTES_MAX, open_sealed, read_key_id, seal

KEY: Final = MasterKey(b"k" * 32)
OTHER: Final = MasterKey(b"o" * 32)
NONCE: Final = b"n" * NONCE_BYTES
PLACE: Final = SealedPlace(tenant="t1", table="venue_keys", row_id="a1", field="api_secret")


def sealed_with(key: MasterKey, text: str = "hush") -> bytes:
    return seal(Secret(text), PLACE, key=key, nonce=NONCE)


@given(text=some.text(max_size=200), nonce=some.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES))
def test_what_was_sealed_opens(text: str, nonce: bytes) -> None:
    sealed = seal(Secret(text), PLACE, key=KEY, nonce=nonce)
    assert open_sealed(sealed, PLACE, KeyRing((OTHER, KEY))).reveal() == text
    assert len(text) < 4 or text.encode() not in sealed


@given(parts=some.tuples(*[some.text(max_size=6)] * 4), others=some.tuples(*[some.text(max_size=6)] * 4))
def test_it_opens_for_its_own_owner_table_row_and_field_only(parts: tuple[str, ...], others: tuple[str, ...]) -> None:
    here, there = (
        SealedPlace(tenant=tenant, table=table, row_id=row, field=field)
        for tenant, table, row, field in (parts, others)
    )
    sealed = seal(Secret("hush"), here, key=KEY, nonce=NONCE)
    if here == there:
        assert open_sealed(sealed, there, KeyRing((KEY,))).reveal() == "hush"
    else:
        with pytest.raises(VaultError, match="sealed for another owner or row"):
            open_sealed(sealed, there, KeyRing((KEY,)))


@pytest.mark.parametrize("changes", [{"tenant": "t2"}, {"table": "notify_channels"}, {"row_id": "a2"}, {"field": "x"}])
def test_a_row_that_was_moved_does_not_open(changes: dict[str, str]) -> None:
    with pytest.raises(VaultError, match="sealed for another owner or row"):
        open_sealed(sealed_with(KEY), msgspec.structs.replace(PLACE, **changes), KeyRing((KEY,)))


def test_two_names_that_run_together_are_two_places() -> None:
    one = SealedPlace(tenant="ab", table="c", row_id="", field="")
    two = SealedPlace(tenant="a", table="bc", row_id="", field="")
    with pytest.raises(VaultError):
        open_sealed(seal(Secret("hush"), one, key=KEY, nonce=NONCE), two, KeyRing((KEY,)))


def test_every_changed_bit_is_noticed() -> None:
    sealed = sealed_with(KEY)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(VaultError):
            open_sealed(bytes(changed), PLACE, KeyRing((KEY,)))
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            open_sealed(sealed[:length], PLACE, KeyRing((KEY,)))


def test_another_keys_id_cannot_be_written_over_it() -> None:
    sealed = sealed_with(KEY)
    forged = sealed[:1] + OTHER.key_id + sealed[9:]
    with pytest.raises(VaultError, match="was changed"):
        open_sealed(forged, PLACE, KeyRing((KEY, OTHER)))


def test_a_missing_key_is_named_and_those_that_are_here_too() -> None:
    with pytest.raises(VaultError, match=f"needs vault key {KEY.name}; here are {OTHER.name}"):
        open_sealed(sealed_with(KEY), PLACE, KeyRing((OTHER,)))
    assert read_key_id(sealed_with(KEY)) == KEY.key_id


def test_a_secret_has_a_bound() -> None:
    assert sealed_with(KEY, "x" * PLAIN_BYTES_MAX)
    with pytest.raises(VaultError, match="at most 4096 bytes"):
        sealed_with(KEY, "x" * (PLAIN_BYTES_MAX + 1))
