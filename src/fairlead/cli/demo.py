"""`fairlead demo`: everything at once, with pretend money."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.explain import show_explanation
from fairlead.cli.hook_text import curl_line, hook_url, sample_alert
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_INTERRUPTED, StopError, program_name, say, say_json, tell
from fairlead.cli.records import Registry, ask_database, prepare_database, require, take_folder
from fairlead.cli.serving import start_failures_explained

if TYPE_CHECKING:
    from fairlead.cli.demo_world import DemoWorld
    from fairlead.ports import Clock
    from fairlead.reporting.explanation import Explanation
    from fairlead.settings import Settings
    from fairlead.store.databases.contract import OwnerLock

SETTLE_WAIT_MS: Final = 10_000
SETTLE_POLL_MS: Final = 50
USUAL_PORT: Final = 8000


class RunningApp(Protocol):
    """A server of this process, ready to be called."""

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        ...


@dataclass(frozen=True, kw_only=True)
class DemoOptions(PrintOptions):
    """How the demo runs."""

    port: Annotated[int | None, typer.Option(help="Port (default 8000, or a free one if taken; 0 picks one).")] = None
    once: Annotated[bool, typer.Option("--once", help="End after the first alert; exit 0 if all went as expected.")] = (
        False
    )


def add_demo(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "demo",
        "fairlead demo",
        "fairlead demo --once                 exits 0 only if every account ended as expected",
        "fairlead demo --json --port 0        first line of stdout: one JSON object for scripts",
    )(demo)


def demo(options: DemoOptions) -> None:
    """Run Fairlead with pretend money on moving prices, send one alert, and explain what came of it.

    Makes an owner, three paper accounts in one group (net mode, long/short mode, and a small one on a strict risk
    profile), a hook, and a bot on an account of its own, in a temporary folder unless --data names one; then serves
    until Ctrl-C, and ends with 0.
    """
    folder = options.data_dir or Path(tempfile.mkdtemp(prefix="fairlead-demo-"))
    # The demo speaks for itself; whoever wants the log asks for it.
    log_level = None if os.environ.get("FAIRLEAD_LOG_LEVEL") else "warning"
    settings = load_settings(DemoOptions(data_dir=folder), port=_choose_port(options.port), log_level=log_level)
    # Held before anything is written: a second demo must not give the things of a running one another token.
    with take_folder(settings) as lock:
        tell(f"Preparing {settings.data_dir}")
        prepare_database(settings, lock)
        try:
            with start_failures_explained(settings):
                as_expected = asyncio.run(_run(settings, options, lock))
        finally:
            tell(f"The demo has ended. Its data is in {settings.data_dir}; go on with: {_again(settings, options)}")
    if not as_expected:
        raise StopError("not every account ended as expected")


async def _run(settings: Settings, options: DemoOptions, lock: OwnerLock) -> bool:
    stop = _watch_for_end()
    from fairlead import wiring
    from fairlead.cli.demo_world import EXPECTED, build_demo_world

    world = await ask_database(settings, build_demo_world)
    _go_on_unless(stop)
    tell("Starting the server and the simulated market")
    running: AbstractAsyncContextManager[RunningApp] = wiring.running(settings, lock)
    async with running as app:
        _go_on_unless(stop)
        _show_ready(world, settings, options, app.url)
        explanation = await ask_database(settings, _send_first_alert(world, app.url))
        show_explanation(explanation, as_json=options.as_json, one_line=True)
        if not options.as_json:
            say(await ask_database(settings, _portray_bot(world, options, settings)))
        ended = {account.label: str(account.status) for account in explanation.accounts if account.label in EXPECTED}
        if ended != EXPECTED:
            tell(f"Expected {EXPECTED}, got {ended}")
        if not options.once:
            _show_next_steps(world, settings, app.url)
            await stop.wait()
            tell("\nStopping")
        return ended == EXPECTED or not options.once


def _send_first_alert(world: DemoWorld, url: str) -> Callable[[Registry], Awaitable[Explanation]]:
    async def send(registry: Registry) -> Explanation:
        from fairlead.cli.http_call import post_json
        from fairlead.clock import SystemClock

        clock = SystemClock()
        alert = {**sample_alert(world.token), "alertId": f"demo-{clock.now_ms()}"}
        tell("Sending one alert: buy BTC-USDT-SWAP with 10% of each account at 3x")
        answer = await asyncio.to_thread(post_json, hook_url(url, world.hook.hook_id), alert)
        if answer.is_refusal or not answer.request_id:
            raise StopError(f"the hook answered {answer.status_code}: {answer.body}")
        return await _await_settled(registry, world.tenant, answer.request_id, clock)

    return send


def _portray_bot(world: DemoWorld, options: DemoOptions, settings: Settings) -> Callable[[Registry], Awaitable[str]]:
    async def portray(registry: Registry) -> str:
        from fairlead.cli.bots.options import bot_registry, open_stage
        from fairlead.cli.bots.portrait import portrait_lines, take_portrait
        from fairlead.cli.demo_world import BOT

        found = require(await bot_registry(registry).find(world.tenant, BOT))
        stage = await open_stage(registry, world.tenant, DemoOptions(data_dir=settings.data_dir, port=options.port))
        lines = portrait_lines(await take_portrait(registry, stage, found))
        return "\n".join(("", f"A bot trades by itself; watch it with {program_name()} bot show {BOT}:", *lines))

    return portray


async def _await_settled(registry: Registry, tenant: str, alert_id: str, clock: Clock) -> Explanation:
    from fairlead.reporting.gather import explain_stored

    until_ms = clock.now_ms() + SETTLE_WAIT_MS
    while True:
        async with registry.store.session(tenant) as session:
            explanation = await explain_stored(session, alert_id)
        if explanation is not None and (not explanation.totals.pending or clock.now_ms() > until_ms):
            return explanation
        if clock.now_ms() > until_ms:
            raise StopError(f"nothing is stored about {alert_id} after {SETTLE_WAIT_MS} ms")
        await clock.sleep_ms(SETTLE_POLL_MS)


def _show_ready(world: DemoWorld, settings: Settings, options: DemoOptions, url: str) -> None:
    ready = {
        "url": url,
        "hook_url": hook_url(url, world.hook.hook_id),
        "hook_token": world.token,
        "owner": {"username": world.username, "password": world.password},
        "accounts": [
            {
                "id": account.account_id,
                "label": account.label,
                "kind": account.kind,
                "position_mode": account.position_mode.value,
            }
            for account in world.accounts
        ],
        "group": world.group,
        "data_dir": str(settings.data_dir),
        "pid": os.getpid(),
    }
    if options.as_json:
        say_json(ready, one_line=True)
        return
    say(f"Fairlead is at {url}, with three paper accounts in the group {world.group}:")
    for account in world.accounts:
        say(f"  {account.label:<16} {account.position_mode.value:<11} risk profile {account.risk_profile}")
    say(f"Owner: {world.username}, password {world.password}")
    say(f"Hook:  {ready['hook_url']}\n")


def _show_next_steps(world: DemoWorld, settings: Settings, url: str) -> None:
    address = hook_url(url, world.hook.hook_id)
    tell(f"\nSend another alert:\n  {curl_line(address, sample_alert(world.token))}")
    tell("  Within 30 seconds the same line again counts as a repeat; an alertId of its own makes it a new alert.")
    tell(f"Ask why:\n  {program_name()} explain ID --data {settings.data_dir}        ID is the requestId of the answer")
    tell("Ctrl-C ends the demo.")


def _watch_for_end() -> asyncio.Event:
    """Set when somebody asks the demo to end, from its first moment on."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended


def _go_on_unless(stop: asyncio.Event) -> None:
    if stop.is_set():
        raise StopError("stopped before it was ready", EXIT_INTERRUPTED)


def _choose_port(wanted: int | None) -> int | None:
    """The port asked for; without one, a free one when the usual one is taken."""
    if wanted is not None:
        return wanted
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return None


def _again(settings: Settings, options: DemoOptions) -> str:
    return f"{program_name()} {'demo' if options.data_dir else 'serve'} --data {settings.data_dir}"
