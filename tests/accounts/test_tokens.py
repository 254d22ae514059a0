"""A token is long, random, and not to be had from what is kept of it."""

from __future__ import annotations

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from fairlead.accounts.tokens import draw_nonce, draw_token, equal_digests, hash_token


def test_a_token_has_256_random_bits_and_no_two_are_equal() -> None:
    tokens = [draw_token() for _ in range(100)]
    assert len({token.text for token in tokens}) == 100
    for token in tokens:
        assert len(base64.urlsafe_b64decode(token.text.removeprefix("flh_") + "=")) == 32


def test_only_a_digest_and_its_beginning_are_kept() -> None:
    token = draw_token()
    assert token.digest == hash_token(token.text)
    assert token.text.encode() not in token.digest
    assert token.hint == f"sha256:{hashlib.sha256(token.text.encode()).hexdigest()[:8]}"


def test_equal_digests_are_equal() -> None:
    assert equal_digests(hash_token("a"), hash_token("a"))
    assert not equal_digests(hash_token("a"), hash_token("b"))


def test_two_runs_have_different_nonces() -> None:
    assert draw_nonce() != draw_nonce()


@given(st.text())
def test_any_text_can_be_presented_as_a_token(text: str) -> None:
    assert len(hash_token(text)) == 32
    assert len(hash_token(text + "\ud800")) == 32
