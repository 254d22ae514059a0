"""Bodies of alerts as nobody should send them: from good ones by changes that know the grammar, and by blind ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Final

from fairlead.sources.webhook.decode import FIELDS, IGNORED_FIELDS

TOKEN: Final = "flh_" + "Qx7" * 14
CHANGES_MAX: Final = 6
BLIND_SHARE: Final = 0.3
LONG: Final = 3_000

_SPOT: Final = {"authToken": TOKEN, "exchange": "okx", "symbol": "BTC-USDT", "type": "spot", "side": "buy", "qty": 0.1}
_PERPS: Final = _SPOT | {"symbol": "BTC-USDT-SWAP", "type": "perps", "marginMode": "cross", "leverage": "5"}
SEEDS: Final[tuple[dict[str, object], ...]] = (
    _SPOT | {"qty": "50%", "alertId": "first", "alertTime": "2026-01-31T12:00:00Z"},
    _PERPS | {"ordType": "limit", "price": "61000.5", "slPrice": "60000", "tpPrice": 63000},
    _PERPS | {"qtyUnit": "contracts", "reduceOnly": True, "accounts": ["first", "second"], "maxLagSeconds": 30},
    _PERPS | {"closePosition": True, "closeScope": "strategy", "strategyId": "s1", "positionSide": "long"},
    _PERPS | {"marketPosition": "short", "positionSize": "-3", "prevMarketPosition": "long", "dryRun": "true"},
    _SPOT | {"comment": "{{strategy.order.comment}}", "idempotencyKey": 7, "note": {"a": [1, {"b": None}]}},
)
NAMES: Final = (*sorted(FIELDS | IGNORED_FIELDS), "", "QTY", "qty ", "apiSecret", "\ud800", "n\0ame", TOKEN, "x" * LONG)

# Raw JSON: what a number or a text may look like, where two readers might differ, and what is no JSON at all.
NUMBERS: Final = (
    *("0", "-0", "1", "-1", "0.1", "1e-7", "1E+5", "1e99", "1e999999999", "-1e-99", "00.5", "+1", ".5", "5.", "0x10"),
    *("NaN", "Infinity", "-Infinity", "9" * 20, "9" * 21, "9" * 5_000, "0." + "1" * 18, "0." + "1" * 19, "1_000"),
    *("1706702400", "1706702400000", "86400", "86401", "100", "100.01", "2147483648", "9223372036854775808"),
)
TEXTS: Final = (
    *(
        "",
        " ",
        "buy",
        "SELL",
        "bUy",
        "long",
        "flat",
        "50%",
        "%",
        "0%",
        "100.1%",
        "1e2%",
        "١٢",
        "\uff11",
        "½",
        "{{qty}}",
    ),
    *(
        "true",
        "FALSE",
        "null",
        "\u017fpot",
        "K",
        "İ",
        "a\0b",
        "a\tb",
        "\u202e",
        "\ud83d",
        "\udc00",
        "🚀",
        "é",
        "\ufeff",
        "x" * LONG,
    ),
    *("2026-01-31T12:00:00Z", "2026-02-30T12:00:00Z", "2026-01-31 12:00", "2026-01-31T12:00:00.123456789+14:00"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-31T24:00:00Z", "2026-01-31T12:00:60Z"),
    *("BTC-USDT", "BTCUSDT.P", "BINANCE:BTCUSDT", "--", "../../etc", "' OR 1=1", TOKEN, TOKEN[3:20], f"x{TOKEN}y"),
)
OTHERS: Final = (
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[" * 9 + "]" * 9,
    '{"a":' * 9 + "1" + "}" * 9,
    "[NaN]",
    '["a","a"]',
)


def make_body(dice: Random) -> bytes:
    """One body; equal dice give equal bodies."""
    fields = {name: json.dumps(value) for name, value in dice.choice(SEEDS).items()}
    pairs = list(fields.items())
    for _ in range(min(dice.randint(0, CHANGES_MAX), dice.randint(0, CHANGES_MAX))):
        dice.choice(_FIELD_CHANGES)(dice, pairs)
    raw = _write(dice, pairs)
    if dice.random() < BLIND_SHARE:
        for _ in range(dice.randint(1, CHANGES_MAX)):
            raw = dice.choice(_BLIND_CHANGES)(dice, raw)
    return raw


Pairs = list[tuple[str, str]]


def _draw_value(dice: Random) -> str:
    match dice.randrange(6):
        case 0:
            return dice.choice(NUMBERS)
        case 1:
            return json.dumps(dice.choice(NUMBERS))
        case 2:
            return dice.choice(OTHERS)
        case 3:
            return "[" + ",".join(_draw_value(dice) for _ in range(dice.randint(1, 3))) + "]"
        case 4:
            return json.dumps(dice.choice(TEXTS), ensure_ascii=True)
        case _:
            # Escaped and plain spellings of one text are one text.
            return '"' + "".join(f"\\u{ord(sign):04x}" for sign in dice.choice(TEXTS)[:80] if ord(sign) <= 0xFFFF) + '"'


def _set_value(dice: Random, pairs: Pairs) -> None:
    if pairs:
        place = dice.randrange(len(pairs))
        pairs[place] = pairs[place][0], _draw_value(dice)


def _add_field(dice: Random, pairs: Pairs) -> None:
    pairs.insert(dice.randint(0, len(pairs)), (dice.choice(NAMES), _draw_value(dice)))


def _drop_field(dice: Random, pairs: Pairs) -> None:
    if pairs:
        pairs.pop(dice.randrange(len(pairs)))


def _repeat_field(dice: Random, pairs: Pairs) -> None:
    if pairs:
        pairs.append(dice.choice(pairs))


def _swap_values(dice: Random, pairs: Pairs) -> None:
    if pairs:
        one, other = dice.randrange(len(pairs)), dice.randrange(len(pairs))
        (first, value), (second, another) = pairs[one], pairs[other]
        pairs[one], pairs[other] = (first, another), (second, value)


_FIELD_CHANGES: Final[tuple[Callable[[Random, Pairs], None], ...]] = (
    *(_set_value, _set_value, _set_value, _add_field, _add_field, _drop_field, _repeat_field, _swap_values),
)


def _write(dice: Random, pairs: Pairs) -> bytes:
    space = dice.choice(("", "", " ", "\n\t "))
    inside = f",{space}".join(f"{json.dumps(name)}:{space}{value}" for name, value in pairs)
    return f"{space}{{{inside}}}{space}".encode("utf-8", "surrogatepass")


def _cut(dice: Random, raw: bytes) -> bytes:
    return raw[: dice.randint(0, len(raw))]


def _put_byte(dice: Random, raw: bytes) -> bytes:
    place = dice.randint(0, len(raw))
    return raw[:place] + bytes([dice.randrange(256)]) + raw[place + dice.randint(0, 1) :]


def _put_sign(dice: Random, raw: bytes) -> bytes:
    place = dice.randint(0, len(raw))
    return (
        raw[:place]
        + dice.choice((b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\\u", b"\xef\xbb\xbf"))
        + raw[place:]
    )


def _copy_piece(dice: Random, raw: bytes) -> bytes:
    begin, end, place = (dice.randint(0, len(raw)) for _ in range(3))
    return raw[:place] + raw[min(begin, end) : max(begin, end)] + raw[place:]


def _wrap(dice: Random, raw: bytes) -> bytes:
    depth = dice.choice((1, 8, 9, 2_000))
    return dice.choice((b"[" * depth + raw + b"]" * depth, b'{"a":' * depth + raw + b"}" * depth))


_BLIND_CHANGES: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (_cut, _put_byte, _put_sign, _copy_piece, _wrap)
