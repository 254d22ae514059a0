"""A browser that is driven over a pair of pipes (Chrome DevTools Protocol), and asked what a page shows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One page of Chromium; every question waits for its answer."""

    def __init__(self, profile: Path) -> None:
        """Start it; its settings live in ``profile``."""
        name = next((found for name in NAMES if (found := shutil.which(name))), None)
        assert name, "this test opens a page: scripts/install-test-servers.sh installs Chromium"
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Chromium reads from its descriptor 3 and writes to 4.
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", command, name, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._serial = 0
        self._session = ""
        self.errors: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._out)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def open(self, path: Path, *, width: int = 1280, height: int = 900, is_dark: bool = False) -> None:
        """Open a file in a window of this size, and wait until its script is done."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("Page.navigate", url=path.as_uri())
        self.ask(
            "new Promise(done => { const look = () => document.documentElement?.dataset.state"
            " ? requestAnimationFrame(() => requestAnimationFrame(done)) : setTimeout(look, 5); look(); })"
        )

    def ask(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page answers
        """The value of an expression there; of a promise, once it is kept."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 else "")
        self._settle()

    def move(self, x: float, y: float) -> None:
        """Move the pointer."""
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self._settle()

    def picture(self, path: Path, *, is_whole: bool = False) -> None:
        """Take a picture of the window, or of the whole page."""
        found = self._ask(
            "Page.captureScreenshot", format="png", captureBeyondViewport=is_whole, **self._clip(is_whole)
        )
        path.write_bytes(b64decode(found["data"]))

    def _clip(self, is_whole: bool) -> dict[str, Any]:  # noqa: FBT001 - as it is told
        if not is_whole:
            return {}
        width, height = self.ask("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        return {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}

    def _settle(self) -> None:
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._serial += 1
        message: dict[str, Any] = {"id": self._serial, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        for answer in self._answers():
            self._note(answer)
            if answer.get("id") == self._serial:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError(f"the browser ended before it answered {method}")

    def _answers(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" in self._buffer:
                line, self._buffer = self._buffer.split(b"\0", 1)
                yield json.loads(line)
            more = os.read(self._in, 1 << 20)
            if not more:
                return
            self._buffer += more

    def _note(self, answer: dict[str, Any]) -> None:
        match answer.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(answer["params"]))
            case "Log.entryAdded" if answer["params"]["entry"]["level"] == "error":
                self.errors.append(answer["params"]["entry"]["text"])
            case _:
                pass


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """A browser for as long as it is needed; a page that complained has failed."""
    with Browser(profile) as browser:
        yield browser
        assert not browser.errors, browser.errors
