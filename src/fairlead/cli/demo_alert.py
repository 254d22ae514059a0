"""Send one alert over real HTTP, as a script would, and read the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from fairlead.cli.output import StopError

ANSWER_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hook said."""

    status_code: int
    body: dict[str, Any]

    @property
    def request_id(self) -> str:
        """The id to ask about it later."""
        return str(self.body.get("requestId", ""))


def send_alert(url: str, alert: dict[str, str]) -> Answer:
    """Post an alert and wait for the answer; blocks.

    Raises:
        StopError: nobody answered, or not in JSON.
    """
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("POST", address.path, json.dumps(alert), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise StopError(f"the alert sent to {url} got no usable answer: {error}") from error
    finally:
        connection.close()
    return Answer(response.status, body if isinstance(body, dict) else {})
