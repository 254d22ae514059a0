from __future__ import annotations

import pytest

from fairlead.venues.ccxt.client import UnsupportedExchangeError
from fairlead.venues.ccxt.key_fields import key_fields


def required(*names: str) -> dict[str, bool]:
    return {"twofa": False} | dict.fromkeys(names, True)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (("secret", "apiKey"), ["apiKey", "secret"]),
        (("apiKey", "secret", "password"), ["apiKey", "secret", "password"]),
        (("uid", "apiKey", "secret"), ["apiKey", "secret", "uid"]),
        (("privateKey", "walletAddress"), ["walletAddress", "privateKey"]),
        (("apiKey", "accountId", "privateKey"), ["apiKey", "privateKey", "accountId"]),
    ],
)
def test_what_names_a_key_is_kept_first_and_what_signs_second(asked: tuple[str, ...], kept: list[str]) -> None:
    assert key_fields("somewhere", required(*asked)) == kept


@pytest.mark.parametrize(
    "asked", [(), ("privateKey",), ("apiKey",), ("apiKey", "secret", "uid", "login", "password"), ("apiKey", "twofa")]
)
def test_a_key_of_another_form_is_refused(asked: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedExchangeError, match="not kept here"):
        key_fields("somewhere", required(*asked))
