"""What an error of ccxt is taken for: a refusal only when it certainly is one."""

from __future__ import annotations

import json
import logging

import aiohttp
import ccxt
import pytest

from fairlead.core.model.reports import Rejected, Unknown
from fairlead.core.model.secret import Secret
from fairlead.venues.ccxt.client import CcxtConnection, CcxtKeys, UnknownExchangeError, open_client
from fairlead.venues.ccxt.outcomes import NOT_CONNECTED, outcome_of
from fairlead.venues.ccxt.traits import Traits, traits_of

OKX = traits_of("okx")
ANYBODY = Traits()


def raised_by_okx(code: str, *, in_row: bool) -> Exception:
    """What ccxt itself raises for this code."""
    row = {"sCode": code, "sMsg": "why", "ordId": "", "clOrdId": "a1"}
    answer = {"code": "1", "msg": "All operations failed", "data": [row]}
    if not in_row:
        answer = {"code": code, "msg": "why", "data": []}
    with pytest.raises(ccxt.BaseError) as caught:
        ccxt.okx().handle_errors(200, "OK", "u", "POST", {}, json.dumps(answer), answer, {}, "")
    error: Exception = caught.value
    return error


@pytest.mark.parametrize("in_row", [True, False])
@pytest.mark.parametrize("code", sorted(OKX.unknown_codes))
def test_a_code_that_says_nothing_is_a_doubt_whatever_ccxt_makes_of_it(code: str, in_row: bool) -> None:  # noqa: FBT001
    assert isinstance(outcome_of(raised_by_okx(code, in_row=in_row), OKX), Unknown)


@pytest.mark.parametrize("code", ["51008", "51020", "51169", "50014", "50105", "51603", "99999"])
def test_any_other_code_is_a_refusal_with_the_exchanges_own_code(code: str) -> None:
    outcome = outcome_of(raised_by_okx(code, in_row=True), OKX)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.retry_after_ms) == (code, 0)


def test_some_of_what_ccxt_takes_for_a_refusal_is_none() -> None:
    taken_for_refusals = [
        code for code in OKX.unknown_codes if isinstance(raised_by_okx(code, in_row=True), ccxt.ExchangeError)
    ]
    assert {"51054", "51149"} <= set(taken_for_refusals)


@pytest.mark.parametrize("code", ["50011", "50061"])
def test_a_rate_limit_may_be_tried_again(code: str) -> None:
    outcome = outcome_of(raised_by_okx(code, in_row=False), OKX)
    assert isinstance(outcome, Rejected)
    assert outcome.retry_after_ms == 2_000


def test_a_page_instead_of_an_answer_is_a_doubt() -> None:
    assert isinstance(outcome_of(ccxt.ExchangeError("okx POST 403 Forbidden <html></html>"), OKX), Unknown)


@pytest.mark.parametrize(
    "error",
    [
        ccxt.RequestTimeout("x"),
        ccxt.ExchangeNotAvailable("x"),
        ccxt.NetworkError("x"),
        ccxt.BadResponse("x"),
        ccxt.InvalidNonce("x"),
        ccxt.ExchangeError("a code that ccxt does not know"),
        KeyError("a bug in the library, after the order was sent"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_certain_refusal_is_a_doubt_at_every_exchange(error: Exception) -> None:
    assert isinstance(outcome_of(error, ANYBODY), Unknown)


@pytest.mark.parametrize(
    "error",
    [ccxt.InsufficientFunds("x"), ccxt.InvalidOrder("x"), ccxt.AuthenticationError("x"), ccxt.NotSupported("x")],
    ids=lambda error: type(error).__name__,
)
def test_a_reason_that_ccxt_knows_is_a_refusal(error: Exception) -> None:
    outcome = outcome_of(error, ANYBODY)
    assert isinstance(outcome, Rejected)
    assert outcome.code == type(error).__name__


def test_what_never_connected_was_never_sent() -> None:
    error = ccxt.ExchangeNotAvailable("okx POST")
    error.__cause__ = aiohttp.ClientConnectorError.__new__(aiohttp.ClientConnectorError)
    outcome = outcome_of(error, OKX)
    assert isinstance(outcome, Rejected)
    assert outcome.code == NOT_CONNECTED


def test_an_address_with_a_signature_is_not_repeated() -> None:
    error = ccxt.ExchangeError("binance POST https://api.example.org/order?signature=c0ffee 502")
    outcome = outcome_of(error, ANYBODY)
    assert "c0ffee" not in outcome.message


def test_the_librarys_debug_lines_which_have_keys_in_them_are_off() -> None:
    keys = CcxtKeys(fields={"apiKey": Secret("k"), "secret": Secret("s"), "password": Secret("p")})
    open_client(CcxtConnection(exchange="okx"), lambda: keys)
    assert not logging.getLogger("ccxt.base.exchange").isEnabledFor(logging.DEBUG)


def test_an_exchange_that_ccxt_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(UnknownExchangeError, match="nowhere"):
        open_client(CcxtConnection(exchange="nowhere"), lambda: CcxtKeys(fields={}))
