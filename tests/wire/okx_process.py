"""`fairlead simulate` as a process of its own, for clients that other people wrote."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.e2e.processes import FAIRLEAD

STOP_S: Final = 20


@contextmanager
def simulated(*options: str) -> Iterator[dict[str, Any]]:
    """Run it on a free port; gives what it prints when it is ready."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [FAIRLEAD, "simulate", "--port", "0", *options], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            errors.seek(0)
            assert line, errors.read()
            yield json.loads(line)
            assert process.poll() is None, "it ended by itself"
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.close()
            process.wait(STOP_S)
