"""The token never reaches the disk, and nothing else of the body is touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.sources.webhook.redact import blank_token

TOKEN = "flh_" + "Zk3" * 14
STARS = "*" * len(TOKEN)


def test_the_token_is_covered_with_stars_of_its_length() -> None:
    raw = f'{{ "symbol":"BTC-USDT" , "authToken" : "{TOKEN}","qty":0.10 }}'.encode()
    assert blank_token(raw, TOKEN) == raw.replace(TOKEN.encode(), STARS.encode())


@pytest.mark.parametrize("separator", [":", ": ", " : "])
@pytest.mark.parametrize(
    "rest", ["", ',"authToken2":"x"', ',"note":"authToken"', ',"b":{"authToken":"public"},"c":["{"]']
)
def test_however_plain_the_body_is_only_the_token_is_covered(separator: str, rest: str) -> None:
    raw = f'{{"authToken"{separator}"{TOKEN}","symbol":"BTC-USDT"{rest}}}'.encode()
    assert blank_token(raw, TOKEN) == raw.replace(TOKEN.encode(), STARS.encode())


@pytest.mark.parametrize(
    "body",
    [
        f'{{"comment":"my token is {TOKEN}!"}}',
        f'{{"authToken":"{TOKEN}","authtoken":"{TOKEN}"}}',
        f'{{"a":[{{"b":"{TOKEN}"}}]}}',
        f'{{"{TOKEN}":1}}',
        '{"auth\\u0054oken":"' + "".join(f"\\u{ord(letter):04x}" for letter in TOKEN) + '"}',
        '{"x":"\\"' + TOKEN[:-1] + f'\\u{ord(TOKEN[-1]):04x}"}}',
    ],
)
def test_the_token_is_found_wherever_and_however_it_is_written(body: str) -> None:
    blanked = blank_token(body.encode(), TOKEN)
    assert len(blanked) == len(body)
    assert TOKEN not in json.dumps(json.loads(blanked))


def test_a_foreign_token_in_the_field_is_covered_too() -> None:
    raw = b'{"authToken":"x","symbol":"x-USDT"}'
    assert blank_token(raw, TOKEN) == b'{"authToken":"*","symbol":"x-USDT"}'


def test_only_the_outermost_field_is_the_token() -> None:
    raw = b'{"extra":{"authToken":"public"},"note":"authToken","b":["authToken","c"]}'
    assert blank_token(raw, TOKEN) == raw


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(TOKEN) | st.just("authToken"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("authToken"), inner, max_size=4),
    max_leaves=12,
)


@given(fields=st.dictionaries(st.text() | st.just("authToken"), json_values), escaped=st.booleans())
def test_of_any_object_everything_but_the_token_stays(fields: dict[str, object], *, escaped: bool) -> None:
    raw = json.dumps(fields, ensure_ascii=escaped).encode("utf-8", "replace")
    blanked = blank_token(raw, TOKEN)
    assert len(blanked) == len(raw)
    assert TOKEN.encode() not in blanked
    before, after = json.loads(raw), json.loads(blanked)
    for name, value in before.items():
        if name != "authToken" and TOKEN not in json.dumps({name: value}):
            assert after[name] == value
