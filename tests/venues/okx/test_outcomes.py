"""What an answer of OKX means: the difference between "no" and "nobody knows" is a doubled order."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model.secret import Secret
from fairlead.venues.okx.outcomes import CODES, Ack, Answered, Lost, Refused, read_ack, read_answer
from fairlead.venues.okx.rows import read_amount
from fairlead.venues.okx.signing import sign, write_timestamp

UNKNOWN = {"50001", "50004", "50013", "50026", "51054", "51149", "51412", "64007"}


def answer(code: str, rows: list[dict[str, str]], status: int = 200) -> Ack | object:
    body = msgspec.json.encode({"code": code, "msg": "text", "data": rows})
    return read_ack(read_answer(status, body, Ack))


def test_unknown_codes_are_exactly_those_that_okx_says_nothing_certain_with() -> None:
    assert CODES.unknown == UNKNOWN
    assert CODES.unknown.isdisjoint(CODES.retry_after_ms)
    assert CODES.unknown.isdisjoint(CODES.stop)


@pytest.mark.parametrize("code", sorted(UNKNOWN))
def test_an_unknown_code_is_a_doubt_at_the_top_and_in_a_row(code: str) -> None:
    assert isinstance(answer(code, []), Lost)
    assert isinstance(answer("1", [{"sCode": code, "sMsg": "text"}]), Lost)


@pytest.mark.parametrize("code", ["50011", "50036", "50061", "51008", "51016", "51020", "51169", "59999"])
def test_every_other_code_is_a_refusal(code: str) -> None:
    assert answer(code, []) == Refused(code, "text")
    assert answer("1", [{"sCode": code, "sMsg": "no"}]) == Refused(code, "no")


def test_any_server_fault_and_whatever_is_not_json_is_a_doubt() -> None:
    assert isinstance(answer("51000", [], status=502), Lost)
    assert isinstance(read_answer(200, b"<html>", Ack), Lost)
    assert isinstance(read_answer(502, b"", Ack), Lost)
    assert isinstance(read_answer(200, b'{"code": "0", "data": [{"ordId": 7}]}', Ack), Lost)
    assert isinstance(answer("0", []), Lost)


def test_a_row_decides_and_not_the_top_level() -> None:
    taken = answer("0", [{"sCode": "0", "ordId": "7"}])
    assert isinstance(taken, Ack)
    assert taken.ord_id == "7"
    assert read_answer(200, b'{"code": "0", "data": []}', Ack) == Answered(())


@pytest.mark.parametrize(("code", "retry_ms"), [("50011", 2_000), ("50061", 2_000), ("51008", 0)])
def test_only_a_refusal_that_passes_by_itself_may_be_sent_again(code: str, retry_ms: int) -> None:
    assert Refused(code, "").as_rejected().retry_after_ms == retry_ms


def test_a_refusal_that_needs_a_person_says_what_is_wrong() -> None:
    assert "does not exist" in Refused("50119", "API key doesn't exist").as_rejected().message


def test_a_signature_is_that_of_the_published_example() -> None:
    secret = Secret("chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO")
    prehash = "2020-12-08T09:08:57.715ZGET/api/v5/account/balance"
    assert sign(secret, prehash) == "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k="
    assert write_timestamp(1_607_418_537_715) == "2020-12-08T09:08:57.715Z"


@pytest.mark.parametrize(
    ("text", "amount"),
    [("", "0"), ("-0.0219338232210000", "-0.021933823221"), ("1.00000000000000000019", "1"), ("1e-7", "0.0000001")],
)
def test_numbers_are_read_exactly_to_the_eighteenth_decimal(text: str, amount: str) -> None:
    assert read_amount(text) == Decimal(amount)
