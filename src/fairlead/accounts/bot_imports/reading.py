"""Finds out whose bot a file holds, and reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from json import JSONDecodeError, loads
from typing import Any, Final

from fairlead.accounts.bot_imports import eight_parameters, okx, pionex, three_commas
from fairlead.accounts.bot_imports.fields import Fields, Imported, ImportFault

TEXT_BYTES_MAX: Final = 262_144
SOURCES: Final[Mapping[str, Callable[[Fields], Imported]]] = {
    three_commas.SOURCE: three_commas.read_bot,
    okx.SOURCE: okx.read_bot,
    pionex.SOURCE: pionex.read_bot,
    eight_parameters.SOURCE: eight_parameters.read_bot,
}
# A field that only bots of one product have.
_SIGNS: Final = {
    "base_order_volume": three_commas.SOURCE,
    "algoOrdType": okx.SOURCE,
    "take_profit_ratio": pionex.SOURCE,
    "priceDropPercent": eight_parameters.SOURCE,
}


def read_import(text: str, source: str = "") -> Imported:
    """Make settings of the JSON of one bot; without a source it is told by its fields.

    Raises:
        ImportFault: the text is no bot, or a field of it makes none.
    """
    if len(text) > TEXT_BYTES_MAX:
        raise ImportFault(f"the file is longer than {TEXT_BYTES_MAX} bytes")
    try:
        found = loads(text, parse_float=Decimal)
    except (JSONDecodeError, RecursionError) as error:
        raise ImportFault(f"the file is no JSON: {error}") from error
    return import_bot(found, source)


def import_bot(found: object, source: str = "") -> Imported:
    """The same of JSON that was read already; its numbers are exact.

    Raises:
        ImportFault: it is no bot, or a field of it makes none.
    """
    values = _find_bot(found)
    source = source or next((known for sign, known in _SIGNS.items() if sign in values), "")
    read = SOURCES.get(source)
    if read is None:
        told = f"{source!r} is not known" if source else "no field tells whose bot it is"
        raise ImportFault(f"{told}; known are {', '.join(SOURCES)}")
    return read(Fields(values))


def _find_bot(found: object) -> Mapping[str, Any]:
    """The one object of a file; what an API wraps around it is taken off."""
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        found = found["data"]
    if isinstance(found, list):
        if len(found) != 1:
            raise ImportFault(f"the file has {len(found)} bots: import them one by one")
        found = found[0]
    if not isinstance(found, dict):
        raise ImportFault("the file must hold the object of a bot")
    return found
