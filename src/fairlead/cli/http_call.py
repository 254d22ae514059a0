"""Call a running Fairlead over HTTP, as any sender would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from fairlead.cli.output import StopError

ANSWER_TIMEOUT_S: Final = 30
BAD_REQUEST: Final = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status_code: int
    body: dict[str, Any]

    @property
    def request_id(self) -> str:
        """The id to ask about the call later."""
        return str(self.body.get("requestId", ""))

    @property
    def is_refusal(self) -> bool:
        """Whether the call was turned away."""
        return self.status_code >= BAD_REQUEST


def post_json(url: str, value: Mapping[str, object]) -> Answer:
    """Send a value and wait for the answer; blocks.

    Raises:
        StopError: nobody answered, or not in JSON.
    """
    return _call("POST", url, json.dumps(value), {"Content-Type": "application/json"})


def get_json(url: str, token: str) -> Answer:
    """Ask with a hook's token; blocks.

    Raises:
        StopError: nobody answered, or not in JSON.
    """
    return _call("GET", url, None, {"Authorization": f"Bearer {token}"})


def _call(method: str, url: str, text: str | None, headers: dict[str, str]) -> Answer:
    address = urlsplit(url)
    make = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = make(address.hostname or "", address.port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request(method, address.path, text, headers)
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise StopError(
            f"{address.scheme}://{address.netloc} gave no usable answer ({error}): is it running?"
        ) from error
    finally:
        connection.close()
    return Answer(response.status, body if isinstance(body, dict) else {})
