"""The token never reaches the disk, nor what goes by a secret's name, and nothing else of the body is touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.secret_names import is_secret_name
from fairlead.sources.webhook.redact import blank_token

TOKEN = "flh_" + "Zk3" * 14
STARS = "*" * len(TOKEN)


def test_the_token_is_covered_with_stars_of_its_length() -> None:
    raw = f'{{ "symbol":"BTC-USDT" , "authToken" : "{TOKEN}","qty":0.10 }}'.encode()
    assert blank_token(raw, TOKEN) == raw.replace(TOKEN.encode(), STARS.encode())


@pytest.mark.parametrize("separator", [":", ": ", " : "])
@pytest.mark.parametrize(
    "rest", ["", ',"authTokenId":"x"', ',"note":"authToken"', ',"b":{"author":"public"},"c":["{"]', ',"token":7']
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


@pytest.mark.parametrize("written", ["flh_OfAnotherHook", "see flh_OfAnotherHook!", "\\u0066lh_OfAnotherHook"])
def test_the_token_of_another_hook_is_covered_too(written: str) -> None:
    raw = f'{{"authToken":"{TOKEN}","symbol":"BTC-USDT","comment":"{written}"}}'.encode()
    assert json.loads(blank_token(raw, TOKEN)) == {
        "authToken": STARS,
        "symbol": "BTC-USDT",
        "comment": "*" * len(written),
    }


def test_a_foreign_token_in_the_field_is_covered_too() -> None:
    raw = b'{"authToken":"x","symbol":"x-USDT"}'
    assert blank_token(raw, TOKEN) == b'{"authToken":"*","symbol":"x-USDT"}'


@pytest.mark.parametrize(
    "field",
    [
        '"apiSecret":"Zq7"',
        '"api_key" : "Zq7"',
        '"extra":{"authToken":"Zq7"}',
        '"passphrase":["x",{"text":"Zq7"}]',
        '"p\\u0061ssword":"Zq7"',
        '"OK-ACCESS-SIGN":"Zq7","OK-ACCESS-TIMESTAMP":"public"',
    ],
)
def test_whatever_goes_by_a_secrets_name_is_covered(field: str) -> None:
    raw = f'{{"authToken":"{TOKEN}","symbol":"BTC-USDT",{field},"b":["authToken","kept"]}}'.encode()
    blanked = blank_token(raw, TOKEN)
    assert b"Zq7" not in blanked
    assert len(blanked) == len(raw)
    kept, given = json.loads(blanked), json.loads(raw)
    assert kept.keys() == given.keys()
    assert (kept["symbol"], kept["b"]) == ("BTC-USDT", ["authToken", "kept"])
    assert kept.get("OK-ACCESS-TIMESTAMP") == given.get("OK-ACCESS-TIMESTAMP")


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
        if TOKEN not in json.dumps({name: value}) and not holds_secret_name({name: value}):
            assert after[name] == value


def holds_secret_name(value: object) -> bool:
    if isinstance(value, dict):
        return any(is_secret_name(name) or holds_secret_name(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(holds_secret_name, value))
