"""Secrets are planted wherever one can get in; then every byte that comes out or is kept is searched for them.

Not searched for are the digests that are kept on purpose: SHA-256 of hook tokens, Argon2id of passwords, the first
bytes of a SHA-256 as a fingerprint, and ids of vault keys. What shows a new secret once, to whoever made it, is not
searched: `hook add`, `hook rotate`, `notify add --generate`, `user add --generate`, `vault new-key`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.e2e.processes import Server, run, run_json
from tests.e2e.secret_search import find_secrets, needles, read_folder, read_packed
from tests.notify.servers import PATIENCE_S, BotApi, MailServer, Receiver
from tests.observing.collector import Collector, collecting
from tests.servers.clean import clean_url, server_of
from tests.servers.shared import KINDS as SERVERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PASSWORD: Final = 'Zq1 corréct/horse+"battery"&staple'
BOT_TOKEN: Final = "123456789:AAHq2planted-bot-token_0123456789"
MAIL_PASSWORD: Final = "Zq3-planted/mail+password=="
SIGNING: Final = "Zq4-planted-signing-secret/+&"
METRICS: Final = "Zq5-planted-metrics-token"
DATABASE: Final = "Zq6-planted-database+word"
COLLECTOR: Final = "Zq7-planted-collector-word"
VENUE: Final = {
    "venue key": "Zq8-planted-api-key-0815-4711",
    "venue secret": "Zq9/planted+venue/secret==",
    "venue passphrase": 'Zqa planted "phrase" of words',
}
# Nobody's: what callers say by mistake, or try.
STRANGE: Final = {
    "wrong token": "flh_Zqb-wrong-token-0123456789abcdefghijkl",
    "wrong password": "Zqc wrong/password+&of\\somebody",
    "cookie": "Zqd-planted-cookie-0123456789",
    "header key": "Zqe-planted-header-key-012345",
    "query token": "Zqf-planted-query-token-01234",
    "path token": "Zqg-planted-path-token-012345",
    "field secret": "Zqh-planted-field-secret-0123",
    "nested phrase": "Zqi-planted-nested-phrase-012",
    "broken body": "Zqj-planted-broken-body-01234",
    "request line": "Zqk-planted-request-line-0123",
    "command line": "Zql-planted-command-line-word",
}
# Put into the database by somebody's hand: there it stands, and nobody shows it.
STORED: Final = {"stored token": "flh_Zqm-stored-by-hand-0123456789abcdefghij"}
LEAKY: Final = {
    "apiSecret": STRANGE["field secret"],
    "exchange_passphrase": {"deep": ["x", STRANGE["nested phrase"]]},
}
KINDS: Final = ("json", "text")


# Runs commands as they are; what would end a process is only noted.
MANY: Final = """
import json, sys
from typer.testing import CliRunner
from fairlead.cli.app import app
told = []
for arguments, given, more in json.load(sys.stdin):
    result = CliRunner().invoke(app, arguments, input=given, env=more)
    crash = "" if isinstance(result.exception, SystemExit | None) else repr(result.exception)
    told.append([result.output, crash])
json.dump(told, sys.stdout)
"""


@dataclass(frozen=True)
class Command:
    """One call of the command line."""

    arguments: tuple[str, ...]
    given: str = ""
    more: dict[str, str] = field(default_factory=dict)


def command(*arguments: str, given: str = "", **more: str) -> Command:
    return Command(arguments, given, more)


def run_many(data: Path, environment: dict[str, str], *commands: Command) -> list[str]:
    """Run commands one after another in one process, which is so much quicker; returns what each said."""
    given = [[[*command.arguments, "--data", str(data)], command.given, command.more] for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", MANY],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert not [crash for _, crash in told if crash]
    return [said for said, _ in told]


@dataclass
class Evidence:
    """A house full of secrets, and everything that came out of it."""

    data: Path
    secrets: dict[str, str]
    environment: dict[str, str]
    hook: dict[str, str]
    collector: Collector
    places: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)

    def keep(self, place: str, content: bytes | str) -> None:
        raw = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        self.places[place] = self.places.get(place, b"") + b"\n" + raw

    def command(self, *arguments: str, **more: str) -> None:
        """Run a command in a process of its own, well or not, and keep what it says."""
        done = run(*arguments, data=self.data, given="", fails=True, **{**self.environment, **more})
        self.keep(f"fairlead {' '.join(arguments[:3])}", f"{done.stdout}\n{done.stderr}")

    def commands(self, *commands: Command) -> None:
        """The same for many commands, in one process for all."""
        for command, said in zip(commands, run_many(self.data, self.environment, *commands), strict=True):
            self.keep(f"fairlead {' '.join(command.arguments[:3])}", said)

    def call(self, server: Server, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """Make a call, and keep the answer with its headers."""
        address = urlsplit(server.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=20)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, raw, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        self.keep(f"{method} {urlsplit(path).path[:12]}", f"{response.status} {response.headers}".encode() + content)
        try:
            return dict(json.loads(content))
        except ValueError:
            return {}


@dataclass
class Outside:
    """Whoever is told by messages."""

    bot: BotApi
    receiver: Receiver
    mail: MailServer


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    async with AsyncExitStack() as stack:
        yield Outside(
            bot=await stack.enter_async_context(BotApi(BOT_TOKEN).running()),
            receiver=await stack.enter_async_context(Receiver(SIGNING).running()),
            mail=await stack.enter_async_context(MailServer().running()),
        )


def furnish(data: Path, around: Outside, collector: Collector) -> Evidence:
    """Give the house an owner, accounts with keys, a hook and three channels; its vault key is in the environment."""
    master = run("vault", "new-key", data=data).stdout.strip()
    environment = {
        "FAIRLEAD_VAULT_KEY": master,
        "FAIRLEAD_METRICS_TOKEN": METRICS,
        "FAIRLEAD_TELEGRAM_URL": around.bot.url,
        "FAIRLEAD_NOTIFY_PRIVATE_TARGETS": "true",
        "FAIRLEAD_OTLP_URL": collector.url.replace("://", f"://ada:{COLLECTOR}@"),
    }
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD, fails=False, **environment)
    hook = run_json("hook", "add", "tv", "--mode", "wait", data=data, **environment)
    secrets = {
        "password": PASSWORD,
        "hook token": hook["token"],
        "master key": master.removeprefix("flv_"),
        "bot token": BOT_TOKEN.partition(":")[2],
        "mail password": MAIL_PASSWORD,
        "signing secret": SIGNING,
        "metrics token": METRICS,
        "database password": DATABASE,
        "collector password": COLLECTOR,
        **VENUE,
        **STRANGE,
    }
    evidence = Evidence(data, secrets, environment, hook, collector)
    webhook = ("notify", "add", "webhook", "desk", "--url", around.receiver.url)
    post = ("notify", "add", "email", "post", "--to", "me@example.org", "--from", "us@example.org", "--username", "me")
    server = f"127.0.0.1:{around.mail.port}"
    evidence.commands(
        command("account", "add", "first"),
        command("account", "add", "second", "--position-mode", "long_short"),
        command("account", "key", "set", "first", "--stdin", given="\n".join(VENUE.values())),
        command("notify", "add", "telegram", "phone", "--chat", "42", "--secret-stdin", given=BOT_TOKEN),
        command(*webhook, "--secret-stdin", given=SIGNING),
        command(*post, "--server", server, "--secret-stdin", given=MAIL_PASSWORD),
    )
    return evidence


def drive(evidence: Evidence, server: Server, kind: str) -> str:
    """Good, refused and faulty calls, with a secret in every place that takes one; returns the id of a good alert."""
    token, path = evidence.hook["token"], f"/hooks/{evidence.hook['id']}"
    alert = {"exchange": "okx", "symbol": "BTC-USDT", "type": "spot", "side": "buy", "qty": "1%", **LEAKY}
    headers = {"Cookie": f"session={STRANGE['cookie']}", "X_Api_Key": STRANGE["header key"]}
    query = f"?token={STRANGE['query token']}&password={quote(PASSWORD, safe='')}"
    own, other = f"Bearer {token}", f"Bearer {STRANGE['wrong token']}"

    def post(changes: dict[str, object], **more: str) -> dict[str, Any]:
        body = {**alert, "authToken": token, "alertId": f"{kind}-{len(evidence.places)}", **changes}
        return evidence.call(server, "POST", path + query, body, **headers, **more)

    good = post({"comment": f"my tokens are {token} and {STRANGE['wrong token']}"})
    assert good["status"] == "done", good
    post({"authToken": None}, Authorization=own)
    post({"side": "up"})
    post({"qty": token, "price": own})
    post({"symbol": f"BTC-{token}"})
    post({"authToken": STRANGE["wrong token"]})
    post({}, Authorization=other)
    evidence.call(server, "POST", path, f'{{"authToken": "{token}", "x": "{STRANGE["broken body"]}", }}'.encode())
    evidence.call(server, "POST", path, f"{token} {STRANGE['broken body']}".encode(), Authorization=own)
    for asked in (f"/explain/{good['requestId']}", f"/requests/{good['requestId']}", "/health", "/ready", "/metrics"):
        for authorization in (own, other, basic(PASSWORD), basic(STRANGE["wrong password"]), f"Bearer {METRICS}"):
            evidence.call(server, "GET", asked + query, Authorization=authorization, **headers)
    evidence.call(server, "GET", f"/bot/{STRANGE['path token']}", Authorization=own)
    evidence.call(server, "GET", f"/explain/{token}", Authorization=own)
    speak(evidence, server, f"GARBAGE {STRANGE['request line']} {token}\r\nAuthorization: {own}\r\n\r\n".encode())
    break_rows(evidence, str(good["requestId"]), server, own)
    return str(good["requestId"])


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"olive:{password}".encode()).decode()


def speak(evidence: Evidence, server: Server, said: bytes) -> None:
    """Say something that is no HTTP."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=20) as connection:
        connection.sendall(said)
        evidence.keep("answer to no HTTP", connection.recv(65_536))


def break_rows(evidence: Evidence, alert_id: str, server: Server, authorization: str) -> None:
    """Let the server stumble over what is stored, with secrets in its hands, and put all back."""
    query = "UPDATE alerts SET body = ? WHERE alert_id = ?"
    with closing(sqlite3.connect(evidence.data / "fairlead.sqlite3")) as connection:
        (body,) = connection.execute("SELECT body FROM alerts WHERE alert_id = ?", (alert_id,)).fetchone()
        connection.execute(query, (b'{"token": "' + STORED["stored token"].encode(), alert_id))
        connection.commit()
        broken = evidence.call(server, "GET", f"/explain/{alert_id}", Authorization=authorization)
        assert broken["status"] == "error"
        evidence.command("explain", alert_id)
        evidence.commands(command("verify"), command("verify", "--json"))
        connection.execute(query, (body, alert_id))
        connection.commit()


def ask_everything(evidence: Evidence, alert_id: str, copy: Path) -> None:
    """Every command that shows something, also with secrets where they do not belong."""
    word = STRANGE["command line"]
    channels = ("phone", "desk", "post")
    with socket.socket() as taken:
        # Nobody listens on a port that is taken and not listened on.
        taken.bind(("127.0.0.1", 0))
        away = {"FAIRLEAD_DATABASE_URL": f"postgresql://ada:{DATABASE}@127.0.0.1:{taken.getsockname()[1]}/fairlead"}
        evidence.commands(command("serve", "--port", "0", **away), command("check-config", **away))
    evidence.commands(
        command("check-config", "--json", FAIRLEAD_DATABASE_URL=f"mariadb://ada:{DATABASE}@@x/y"),
        command("user", "list", FAIRLEAD_VAULT_KEY=f"flv_{word}", FAIRLEAD_METRICS_TOKEN=word),
        command("vault", "status", FAIRLEAD_VAULT_KEY=f"flv_{word}"),
        *(command("vault", name) for name in ("status", "check", "rotate")),
        command("account", "key", "show", "first", "--json"),
        command("account", "key", "set", "second", "--stdin", given="\n".join(VENUE.values())),
        command("account", "key", "set", "second", "--stdin", given=f"{VENUE['venue secret']}\n"),
        *(command("notify", "test", name) for name in channels),
        *(command("notify", "show", name, "--json") for name in channels),
        *(
            command(*line, "--json")
            for line in (("notify", "outbox"), ("hook", "show", "tv"), ("user", "show", "olive"))
        ),
        command("explain", alert_id),
        command("explain", alert_id, "--json"),
        command("backup", str(copy), "--json"),
    )


def look_at(evidence: Evidence, server: Server, around: Outside, kind: str) -> None:
    """Read what there is of a process that runs, once everybody was told."""
    until = time.monotonic() + PATIENCE_S
    while not around.receiver.messages and time.monotonic() < until:
        time.sleep(0.05)
    evidence.keep("command line of the server", Path(f"/proc/{server.pid}/cmdline").read_bytes())
    evidence.stored |= {f"{kind}, while it runs: {name}": raw for name, raw in read_folder(evidence.data).items()}


async def run_server(evidence: Evidence, around: Outside, kind: str) -> str:
    """One life of a server, from its start to a crash in the middle of everything."""
    logs = evidence.data.parent / f"{kind}-logs"
    server = Server(
        evidence.data,
        **evidence.environment,
        FAIRLEAD_LOG_FORMAT=kind,
        FAIRLEAD_LOG_FILE=str(logs / "fairlead.log"),
    )
    # By its own name, because its command line is searched too.
    await asyncio.to_thread(server.start, is_fresh=True)
    try:
        told = len(around.bot.sent)
        alert_id = await asyncio.to_thread(drive, evidence, server, kind)
        await around.bot.wait_sent(told + 1)
        await asyncio.to_thread(look_at, evidence, server, around, kind)
    finally:
        await asyncio.to_thread(server.abort)
    evidence.places |= read_folder(logs)
    evidence.keep(f"{kind} console and crash", server.log_path.read_bytes())
    return alert_id


async def test_no_planted_secret_comes_out_or_is_kept_in_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a core dump would be.
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    data, copy = tmp_path / "data", tmp_path / "copy"
    with collecting() as collector:
        async with outside() as around:
            evidence = await asyncio.to_thread(furnish, data, around, collector)
            alert_ids = [await run_server(evidence, around, kind) for kind in KINDS]
            await asyncio.to_thread(ask_everything, evidence, alert_ids[0], copy)
            evidence.keep("messages", json.dumps([around.bot.sent, around.bot.tried, around.receiver.messages]))
            evidence.keep("mails", b"".join(around.mail.raw))
        evidence.keep("traces", collector.raw)
    evidence.stored |= read_folder(data) | read_folder(copy)
    evidence.keep("tables", read_packed(data / "fairlead.sqlite3"))

    assert not list(work.iterdir())
    assert not (data / "vault.key").exists()
    assert_evidence_is_whole(evidence)
    found = find_secrets(evidence.secrets, evidence.places | evidence.stored) + find_secrets(STORED, evidence.places)
    assert not found, "\n".join(found)


def assert_evidence_is_whole(evidence: Evidence) -> None:
    """That nothing was found must not mean that nothing was looked at."""
    assert {"traces", "messages", "tables", "json console and crash", "text console and crash"} <= set(evidence.places)
    assert b"BTC-USDT" in evidence.places["tables"]
    assert b"verdict" in evidence.places["json console and crash"]
    assert b"alert_not_handled" in evidence.places["json console and crash"]
    assert b"Traceback" in evidence.places["text console and crash"]
    assert b"fairlead_ready 1.0" in evidence.places["GET /metrics"]
    assert b"place_order" in evidence.places["traces"]
    assert any(name.endswith("sqlite3-wal") and raw for name, raw in evidence.stored.items())
    assert b"no problems" in evidence.places["fairlead vault check"]


@pytest.mark.parametrize("kind", SERVERS)
def test_the_password_of_a_database_server_is_not_told_while_it_comes_and_goes(kind: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    url = clean_url(kind, tmp_path)
    database, name = server_of(kind)
    environment = {"FAIRLEAD_DATABASE_URL": url, "FAIRLEAD_LOG_FILE": str(tmp_path / "logs" / "fairlead.log")}
    *_, added = run_many(
        data,
        environment,
        command("user", "add", "olive", "--generate"),
        command("account", "add", "first"),
        command("hook", "add", "tv", "--mode", "wait", "--json"),
    )
    hook = json.loads(added[: added.rindex("}") + 1])
    alert = {"authToken": hook["token"], "exchange": "okx", "symbol": "BTC-USDT", "type": "spot", "side": "buy"}
    server = Server(data, **environment)
    told: dict[str, bytes] = {}
    with server.running():
        for number in range(3):
            answer = server.post(f"/hooks/{hook['id']}", {**alert, "qty": "1%", "alertId": f"n{number}"})
            told[f"answer {number}"] = repr(answer).encode()
            told[f"health {number}"] = repr(server.get("/health")).encode()
            database.cut_connections(name)
        told["metrics"] = server.scrape().encode()
        asked = (command("verify"), command("check-config", "--json"), command("serve", "--port", "0"))
        told["commands"] = "\n".join(run_many(data, environment, *asked)).encode()
        assert b"is in use" in told["commands"]
        server.abort()
    told |= read_folder(data) | read_folder(tmp_path / "logs") | {"console": server.log_path.read_bytes()}
    password = unquote(urlsplit(url).password or "")
    assert len(password) >= 8
    found = find_secrets({"password of the database": password, "hook token": hook["token"]}, told)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("secret", [PASSWORD, MAIL_PASSWORD, *STRANGE.values()])
def test_the_search_finds_a_secret_however_it_is_written(secret: str) -> None:
    around = {"a": f"x {secret} y", "list": [secret]}
    written = {
        "json": json.dumps(around).encode(),
        "json in json": json.dumps(json.dumps(around)).encode(),
        "python": repr(around).encode(),
        "url": quote(f"a={secret}").encode(),
        **{f"base64 {shift}": base64.b64encode(b"-" * shift + secret.encode() + b"-") for shift in range(3)},
        "hex": b"ab" + secret.encode().hex().encode(),
    }
    for place, content in written.items():
        assert find_secrets({"it": secret}, {place: content}), place
    assert not find_secrets({"it": secret}, {"elsewhere": b"nothing of it"})
    assert len(list(needles("it", secret))) > 15
