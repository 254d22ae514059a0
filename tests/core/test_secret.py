from __future__ import annotations

import copy
import json
import pickle
import reprlib
import traceback

import msgspec
import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from fairlead.core.model.secret import Secret
from fairlead.observing.redaction import Redactor

TEXT = "correct horse"


class Holder(msgspec.Struct):
    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [repr, str, "{}".format, "{:>20}".format, "%s".__mod__, "%r".__mod__, reprlib.repr, Redactor().redact_text],
    ids=["repr", "str", "format", "padded", "%s", "%r", "reprlib", "redactor"],
)
def test_nothing_of_it_is_shown(shown: object) -> None:
    secret = Secret(TEXT)
    given = str(secret) if isinstance(getattr(shown, "__self__", None), Redactor) else secret
    assert callable(shown)
    assert "horse" not in shown(given)
    assert "***" in shown(given)


@pytest.mark.parametrize(
    "carry",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, hash],
)
def test_it_is_not_copied_or_encoded(carry: object) -> None:
    assert callable(carry)
    with pytest.raises(TypeError) as caught:
        carry(Secret(TEXT))
    assert TEXT not in str(caught.value)
    with pytest.raises(TypeError):
        msgspec.to_builtins(Holder(Secret(TEXT)))
    with pytest.raises((PydanticSerializationError, ValidationError, TypeError)):
        TypeAdapter(object).dump_json(Secret(TEXT))


def test_what_holds_it_does_not_show_it_either() -> None:
    assert "horse" not in repr(Holder(Secret(TEXT)))
    with pytest.raises(ValueError, match=r"\*\*\*") as caught:
        raise ValueError(Secret(TEXT))
    assert "horse" not in "".join(traceback.format_exception(caught.value))
    assert "horse" not in Redactor().format_error(caught.value)


def test_it_is_used_by_name_and_compared_as_a_whole() -> None:
    assert Secret(TEXT).reveal() == TEXT
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret(f"{TEXT}!")
    assert Secret("ü") == Secret("ü")
    assert Secret(TEXT) != TEXT
