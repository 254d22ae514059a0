from __future__ import annotations

import pytest

from fairlead.simulator.okx.codes import OkxError
from fairlead.simulator.okx.keys import ApiKey, KeyBook, parse_member
from fairlead.simulator.okx.signing import RawRequest, check_request, sign

NOW_MS = 1_607_418_537_715
SECRET = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"
KEY = ApiKey(key="k1", secret=SECRET, passphrase="p1", account_id="a1")


def request(**changes: str) -> RawRequest:
    headers = {
        "ok-access-key": "k1",
        "ok-access-passphrase": "p1",
        "ok-access-timestamp": "2020-12-08T09:08:57.715Z",
        "ok-access-sign": "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k=",
    }
    for name, value in changes.items():
        headers[f"ok-access-{name}"] = value
    return RawRequest(method="GET", target="/api/v5/account/balance", headers=headers, body=b"", address="127.0.0.1")


def code_of(sent: RawRequest, key: ApiKey = KEY) -> str:
    with pytest.raises(OkxError) as refused:
        check_request(sent, KeyBook([key]), NOW_MS)
    return refused.value.code


def test_the_published_example_has_the_published_signature() -> None:
    assert sign(SECRET, "2020-12-08T09:08:57.715ZGET/api/v5/account/balance") == (
        "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k="
    )


def test_a_rightly_signed_request_is_that_of_its_key() -> None:
    assert check_request(request(), KeyBook([KEY]), NOW_MS) is KEY


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("key", "", "50103"),
        ("passphrase", "", "50104"),
        ("sign", "", "50106"),
        ("timestamp", "", "50107"),
        ("timestamp", "yesterday", "50112"),
        ("timestamp", "2020-12-08T09:08:27.000Z", "50102"),
        ("key", "k2", "50119"),
        ("sign", "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k=x", "50113"),
        ("passphrase", "p2", "50105"),
    ],
)
def test_what_is_missing_or_wrong_has_its_own_code(header: str, value: str, code: str) -> None:
    assert code_of(request(**{header: value})) == code


def test_a_key_works_from_its_addresses_only() -> None:
    bound = ApiKey(key="k1", secret=SECRET, passphrase="p1", account_id="a1", addresses=frozenset({"10.0.0.1"}))
    assert code_of(request(), bound) == "50110"


def test_a_live_key_is_refused_for_demo_trading() -> None:
    demo = ApiKey(key="k1", secret=SECRET, passphrase="p1", account_id="a1", is_demo=True)
    assert code_of(request(), demo) == "50101"


def test_a_member_is_read_from_text_with_its_cash() -> None:
    member = parse_member("k1:s1:p1:usdt=5,BTC=0.25")
    assert (member.key.account_id, {name: str(cash) for name, cash in member.balances.items()}) == (
        "k1",
        {"USDT": "5", "BTC": "0.25"},
    )


def test_a_member_that_cannot_be_read_is_refused_without_its_secret() -> None:
    with pytest.raises(ValueError, match="KEY:SECRET:PASSPHRASE") as refused:
        parse_member("k1:hunter2")
    assert "hunter2" not in str(refused.value)
