"""No planted secret survives, wherever it stands; ordinary text stays as it is."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from fairlead.accounts.tokens import PREFIX
from fairlead.core.model.secret_names import is_secret_name
from fairlead.observing.redaction import (
    DEPTH_MAX,
    ITEMS_MAX,
    STARS,
    TEXT_LENGTH_MAX,
    TEXT_SEARCHED_MAX,
    Redactor,
)

REDACTOR = Redactor()
WORDS = string.ascii_letters + string.digits
secrets = st.text(WORDS + "-_+/=.", min_size=12, max_size=48).filter(lambda text: text[0].isalnum())
# Also with what ends a value in one notation or another.
wild_secrets = st.text(WORDS + " \"'\\,;{}[]&:@\n\té", min_size=8, max_size=40).map(lambda text: f"Zq7{text}qZ9")
SECRET_NAMES = """token authToken hook_token X-Api-Key apiKey api_secret client-secret password passphrase PASSWD
    Authorization authorization proxy-authorization Cookie Set-Cookie OK-ACCESS-SIGN OK-ACCESS-PASSPHRASE private_key
    mnemonic sign session_id refreshToken credentials csrf_token totp_secret"""
secret_names = st.sampled_from(SECRET_NAMES.split())
plain_names = st.sampled_from(["event", "account", "symbol", "reason", "body", "numbers", "token_id", "duplicate_key"])
plain_values = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.decimals(allow_nan=False)


@st.composite
def nested(draw: st.DrawFn, core: object) -> object:
    """Something that holds the core, at any place, at most a few levels deep."""
    value = core
    for _ in range(draw(st.integers(0, DEPTH_MAX - 3))):
        wrap: Callable[[object, object], object] = draw(
            st.sampled_from(
                [
                    lambda inner, other: {"before": other, "body": inner, "after": other},
                    lambda inner, other: [other, inner, other],
                    lambda inner, other: (inner, other, other),
                ]
            )
        )
        value = wrap(value, draw(plain_values))
    return value


def write_out(value: object) -> str:
    return msgspec.json.encode(value).decode()


@given(st.data(), secret_names, wild_secrets)
def test_what_has_a_secret_name_does_not_survive_any_nesting(data: st.DataObject, name: str, secret: str) -> None:
    fields = {
        "symbol": "BTC-USDT",
        name: data.draw(st.sampled_from([secret, [secret], {"v": secret}, secret.encode()])),
    }
    shown = REDACTOR.redact(data.draw(nested(fields)))
    assert "Zq7" not in write_out(shown)
    assert REDACTOR.redact(shown) == shown


NOTATIONS: dict[str, Callable[[str, str], str]] = {
    "json": lambda name, secret: json.dumps({"a": 1, name: secret, "b": [2]}),
    "json in json": lambda name, secret: json.dumps({"body": json.dumps({name: secret, "qty": "1%"})}),
    "json thrice": lambda name, secret: json.dumps([json.dumps({"body": json.dumps({name: secret})})]),
    "python": lambda name, secret: repr({"a": 1, name: secret, "b": 2}),
    "bytes": lambda name, secret: repr(json.dumps({name: secret}).encode()),
    "call": lambda name, secret: f"AlertCall(call_id='0192', {name.replace('-', '_')}={secret!r}, body=b'')",
}


@example("call", "access_sign", "Zq700000000qZ9", "")
@given(st.sampled_from(sorted(NOTATIONS)), secret_names, wild_secrets, st.text(WORDS + " .", max_size=30))
def test_no_notation_of_a_name_and_its_value_survives(notation: str, name: str, secret: str, around: str) -> None:
    shown = REDACTOR.redact_text(f"{around} {NOTATIONS[notation](name, secret)} {around}")
    assert "Zq7" not in shown
    assert "qZ9" not in shown
    assert REDACTOR.redact_text(shown) == shown


@given(st.sampled_from(["{}={}", "{}: {}", "?a=1&{}={}&b=2", "{} = {}", "{}=>{}", "x {}%3D{}"]), secret_names, secrets)
def test_no_value_without_quotes_survives(notation: str, name: str, secret: str) -> None:
    assert secret not in REDACTOR.redact_text("tried " + notation.format(name, secret))


TOKEN = "flh_31GPj4XTsgtb-opAPEqXquDNeiYHrMIaXPGvHKoozEk"
OKX = "22582BD0CFF14C41EDBF1AB98506286D"
TELEGRAM = "123456789:AAF-mI9hVeryLongTelegramBotToken_012345"
ARGON = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaGhhc2g"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
BASIC = base64.b64encode(b"olive:correct horse").decode()
# What is written, and what of it nobody may read.
SHAPES = [
    (TOKEN, TOKEN[4:]),
    (TOKEN[:12], TOKEN[4:12]),
    (f"Bearer {TOKEN}", TOKEN[4:]),
    ("bearer abcdefghijklmnopqrst", "abcdefghijklmnopqrst"),
    (f"Basic {BASIC}", BASIC),
    ("Authorization: Digest username=olive, response=deadbeef99", "deadbeef99"),
    ("Cookie: theme=dark; sid=8f14e45fceea167a", "8f14e45fceea167a"),
    ("redis://fair:pa$s@word@localhost:6379/0", "pa$s@word"),
    ("postgresql+asyncpg://fair:pa%24s@db/fairlead", "pa%24s"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\nAQEA\n-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKC"),
    ("-----BEGIN PRIVATE KEY-----\\nMIIEpAIBAAKC", "MIIEpAIBAAKC"),
    (JWT, "c2lnbmF0dXJl"),
    (f"https://api.telegram.org/bot{TELEGRAM}/getMe", TELEGRAM),
    ("sk-ant-REDACTED", "b2xpdmU6Y29ycmVjdA"),
    (ARGON, "aGFzaGhhc2g"),
    (TELEGRAM, "AAF-mI9hVeryLongTelegramBotToken_012345"),
    (OKX, OKX),
]


@pytest.mark.parametrize(("written", "secret"), SHAPES)
@given(st.data(), st.text(WORDS + " .", max_size=20))
def test_no_secret_of_a_known_shape_survives(written: str, secret: str, data: st.DataObject, around: str) -> None:
    told = data.draw(st.sampled_from([f"{around} {written} {around}", f'{around} "{written}"', f"({written})"]))
    as_bytes = data.draw(st.booleans())
    shown = write_out(REDACTOR.redact(data.draw(nested(told.encode() if as_bytes else told))))
    assert secret not in shown


@given(st.data(), st.text(min_size=4, max_size=30).filter(lambda text: not set(text) & set("*{}")))
def test_a_known_secret_does_not_survive_whatever_it_looks_like(data: st.DataObject, secret: str) -> None:
    redactor = Redactor([secret])
    told = data.draw(st.sampled_from([f"{{}}{secret}{{}}", json.dumps(secret)]))
    shown = redactor.redact_text(told)
    assert secret not in shown
    assert json.dumps(secret)[1:-1] not in shown


ORDINARY = [
    "the token is missing or wrong",
    "token t-12 of hook tv was renewed",
    "buy 0.0100 BTC-USDT at 64000.1, fee 0.1 % of 640.00 USDT",
    "desk_halted account=first reason=a unit was refused: NotStored(reason='database or disk is full')",
    "http://127.0.0.1:8000/hooks/0192f3a?x=1",
    "Bearer of news, a basic lesson in signing in: keys and cookies are not for cats",
    "duplicate_key=tv:0192f3a9c1d market_seed=7 token_id=k17 passed=3",
    "0192f3a9c1dfedcba9876543210 opened 12:30:45.123",
    "SELECT count(*) FROM journal WHERE key = ?",
    "ratio 1:2, 10:30, seq 12345678:99",
    "Größe: 5 × 3 – gut",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


@given(st.lists(st.text(string.ascii_lowercase + string.digits, max_size=12), max_size=20).map(" ".join))
def test_words_stay_as_they_are_unless_a_scheme_stands_before_a_value(text: str) -> None:
    if not any(scheme in text for scheme in ("bearer", "basic", "digest")):
        assert REDACTOR.redact_text(text) == text


@given(st.text(max_size=200))
@example("password=\\'\\\\'x")
@example('{"token": "')
@example("Bearer Bearer abcdefg1")
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = REDACTOR.redact_text(text)
    assert REDACTOR.redact_text(once) == once


@dataclass
class Key:
    label: str
    secret_key: str


class Call(msgspec.Struct):
    token: str
    body: bytes


class Rude:
    def __repr__(self) -> str:
        raise ValueError


def test_objects_are_written_without_their_secrets() -> None:
    shown = write_out(
        REDACTOR.redact([Key("okx", "Zq7 x"), Call("Zq7", b'{"authToken": "Zq7"}'), SecretStr("Zq7"), Rude(), {1, 2}])
    )
    assert "Zq7" not in shown
    assert "okx" in shown
    assert "Rude" in shown


PHRASE = "Zq7-correct-horse"


def fail_to_log_in(password: str) -> None:
    try:
        int(f"{{'password': '{password}'}}")
    except ValueError as error:
        raise RuntimeError(f"Authorization: Bearer {password}") from error


def test_an_error_is_told_with_its_cause_and_without_the_values_of_variables() -> None:
    with pytest.raises(RuntimeError) as caught:
        fail_to_log_in(PHRASE)
    told = REDACTOR.format_error(caught.value)
    assert "Zq7" not in write_out(REDACTOR.redact({"error": caught.value}))
    assert "Zq7" not in told
    assert "RuntimeError" in told
    assert "direct cause" in told


def test_depth_length_and_number_are_bounded() -> None:
    deep: object = "end"
    for _ in range(50):
        deep = {"next": deep}
    assert write_out(REDACTOR.redact(deep)).count("next") == DEPTH_MAX
    loop: list[object] = []
    loop.append(loop)
    assert len(write_out(REDACTOR.redact(loop))) < 100
    wide = REDACTOR.redact(list(range(ITEMS_MAX + 5)))
    assert isinstance(wide, list)
    assert len(wide) == ITEMS_MAX + 1
    fields = REDACTOR.redact({str(number): number for number in range(ITEMS_MAX + 5)})
    assert isinstance(fields, dict)
    assert fields["..."] == 5
    assert len(REDACTOR.redact_text("ab " * TEXT_SEARCHED_MAX)) == TEXT_LENGTH_MAX


def test_our_tokens_have_a_shape_that_is_known() -> None:
    assert REDACTOR.redact_text(f"{PREFIX}a") == STARS


def test_numbers_and_decimals_stay_exact() -> None:
    shown = REDACTOR.redact({"n": 10**20, "d": Decimal("0.10"), "t": True, "none": None, "token": None, "pin": 1234})
    assert shown == {"n": 10**20, "d": "0.10", "t": True, "none": None, "token": None, "pin": STARS}


@pytest.mark.parametrize("name", ["token_id", "account", "key", "duplicate_key", "signal", "passed", "design", "spin"])
def test_harmless_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("text", ["a" * 60_000, "token" * 9_000, 'token="' * 9_000, "\\" * 60_000, "://" * 20_000])
@pytest.mark.timeout(5)
def test_no_text_hangs_it(text: str) -> None:
    # A pattern that tries every split of such a text would need minutes.
    REDACTOR.redact_text(text)
