from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.notify.servers import TOKEN

Ask = Callable[..., Any]
Run = Callable[..., Result]


@pytest.fixture(name="phone")
def _phone(alice: str, ask: Ask) -> dict[str, Any]:
    added: dict[str, Any] = ask(
        *("notify", "add", "telegram", "phone", "--chat", "42", "--secret-stdin"),
        *("--type", "SUCCESS=silent", "--time-zone", "Europe/Berlin"),
        typed=f"{TOKEN}\n",
    )
    return added


@contextmanager
def bot_api(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            ok = (
                b'{"ok":true,"result":{"message_id":1,"date":0,"chat":{"id":42,"type":"private"}}}'
                if status == 200
                else b'{"ok":false,"description":"Forbidden: bot was blocked by the user"}'
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(ok)))
            self.end_headers()
            self.wfile.write(ok)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_channel_is_shown_without_its_secret(phone: dict[str, Any], run: Run, folder: Path) -> None:
    assert (phone["kind"], phone["to"], phone["time_zone"]) == ("telegram", "chat 42", "Europe/Berlin")
    assert (phone["types"]["SUCCESS"], phone["types"]["ERROR"], phone["types"]["CANCELED"]) == (
        "silent",
        "on",
        "silent",
    )
    for command in (("notify", "list"), ("notify", "show", "phone"), ("notify", "list", "--json")):
        output = run(*command).output
        assert "phone" in output
        assert TOKEN not in output
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    assert TOKEN.partition(":")[2].encode() not in stored
    assert (folder / "vault.key").stat().st_mode & 0o077 == 0


def test_types_and_rest_are_changed(phone: dict[str, Any], ask: Ask) -> None:
    changed = ask("notify", "set", "phone", "--type", "error=off", "--disable")
    assert (changed["types"]["ERROR"], changed["types"]["SUCCESS"]) == ("off", "silent")
    assert changed["enabled"] is False
    assert ask("notify", "set", "phone", "--enable")["enabled"] is True


def test_a_removed_channel_is_gone(phone: dict[str, Any], ask: Ask, run: Run) -> None:
    assert ask("notify", "remove", "phone") == {"removed": "phone"}
    assert ask("notify", "list") == []
    assert "there is no channel at all yet" in run("notify", "show", "phone", code=1).output


@pytest.mark.slow
def test_a_sample_says_what_happened(phone: dict[str, Any], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with bot_api(200) as url:
        monkeypatch.setenv("FAIRLEAD_TELEGRAM_URL", url)
        assert "taken" in run("notify", "test", "phone").output
    with bot_api(403) as url:
        monkeypatch.setenv("FAIRLEAD_TELEGRAM_URL", url)
        output = run("notify", "test", "phone", code=1).output
        assert "phone did not take the sample: the chat does not take the bot's messages" in output
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FAIRLEAD_TELEGRAM_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        output = run("notify", "test", "phone", code=1).output
        assert "cannot be reached" in output
        assert TOKEN.partition(":")[2] not in output


def test_a_lost_key_is_named(phone: dict[str, Any], run: Run, folder: Path) -> None:
    (folder / "vault.key").unlink()
    output = run("notify", "test", "phone", code=1).output
    assert "its secret cannot be opened" in output
    assert "add it again" in output


def test_an_empty_outbox_says_so(phone: dict[str, Any], run: Run, ask: Ask) -> None:
    assert "Nothing waits, and nothing died." in run("notify", "outbox").output
    assert ask("notify", "outbox", "--retry") == {"revived": 0, "messages": []}


def test_a_signing_secret_is_made_and_shown_once(alice: str, ask: Ask, run: Run) -> None:
    added = ask("notify", "add", "webhook", "desk", "--url", "https://example.org/in/secret-path", "--generate")
    assert len(added["secret"]) >= 16
    assert added["to"] == "https://example.org"
    shown = run("notify", "show", "desk").output
    assert added["secret"] not in shown
    assert "secret-path" not in shown


def test_a_mailbox_needs_a_password_only_with_a_user_name(alice: str, ask: Ask) -> None:
    added = ask(
        *("notify", "add", "email", "post", "--to", "me@example.org", "--from", "us@example.org"),
        *("--server", "localhost:25", "--security", "plain"),
    )
    assert added["to"] == "me@example.org by localhost:25"


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "told"),
    [
        (("telegram", "x", "--chat", "42", "--secret-stdin"), "nonsense", 1, "@BotFather gives one"),
        (("telegram", "x", "--chat", "4 2", "--secret-stdin"), TOKEN, 1, "must be a number"),
        (("telegram", "x", "--chat", "42"), "", 2, "use --secret-stdin or --secret-file"),
        (("telegram", "x", "--chat", "42", "--secret-file", "/nowhere"), "", 2, "/nowhere cannot be read"),
        (("telegram", "x", "--chat", "42", "--secret-stdin", "--type", "X=on"), TOKEN, 2, "types are SUCCESS"),
        (("telegram", "x", "--chat", "42", "--secret-stdin", "--time-zone", "Mars"), TOKEN, 1, "Europe/Berlin"),
        (("webhook", "x", "--url", "ftp://x", "--generate"), "", 1, "https://"),
        (("webhook", "x", "--url", "https://x.org", "--secret-stdin"), "short", 1, "at least 16 characters"),
        (("email", "x", "--to", "a@b", "--from", "a@b", "--server", "b"), "", 2, "must be HOST:PORT"),
        (
            (
                *("email", "x", "--to", "a@b", "--from", "a@b", "--server", "b:25"),
                *("--security", "plain", "--username", "me", "--secret-stdin"),
            ),
            "hush",
            1,
            "unencrypted",
        ),
        (("email", "x", "--to", "a@b, c@d", "--from", "a@b", "--server", "b:25"), "", 1, "one plain mail address"),
    ],
)
def test_a_wrong_wish_is_told_what_to_do(
    alice: str, run: Run, arguments: tuple[str, ...], typed: str, code: int, told: str
) -> None:
    output = run("notify", "add", *arguments, typed=typed, code=code).output
    assert told in " ".join(output.split())
    assert TOKEN not in output


def test_a_name_is_taken_once(phone: dict[str, Any], run: Run) -> None:
    output = run("notify", "add", "telegram", "phone", "--chat", "42", "--secret-stdin", typed=TOKEN, code=1).output
    assert "there is a channel 'phone' already" in output


def test_a_secret_comes_from_a_file_that_is_private(alice: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bot.txt"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o644)
    command = ("notify", "add", "telegram", "phone", "--chat", "42", "--secret-file", str(path))
    refused = run(*command, code=2)
    assert f"others may read {path}: run chmod 600 {path}" in refused.stderr
    assert TOKEN not in refused.output
    path.chmod(0o600)
    run(*command)
