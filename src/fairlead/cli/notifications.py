"""`fairlead notify`: channels that people are told through."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fairlead.cli.channel_rows import channel_details, channel_row, outbox_row
from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_facts, say_json, say_rows, table_lines, tell
from fairlead.cli.private_input import GIVEN_LENGTH_MAX, read_private_text
from fairlead.cli.records import Registry
from fairlead.cli.tenants import TenantOptions, TenantWork, ask_some, ask_tenant
from fairlead.cli.vault_box import open_vault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairlead.accounts.registry import ChannelRegistry, Refused
    from fairlead.store.queries.notifications import (
        Level,
        MessageKind,
        NotifyChannel,
        OutboxCount,
        OutboxRow,
        Target,
    )

notify = typer.Typer(help="Channels that people are told through.", no_args_is_help=True, rich_markup_mode=None)
add_channel = typer.Typer(help="Add a channel.", no_args_is_help=True, rich_markup_mode=None)
notify.add_typer(add_channel, name="add")

_TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE=LEVEL", help="on, silent or off for a type of message; repeat for more."),
]


@dataclass(frozen=True, kw_only=True)
class ChannelOptions(TenantOptions):
    """Which channel."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the channel.")]


@dataclass(frozen=True, kw_only=True)
class AddOptions(ChannelOptions):
    """What every new channel takes; its secret is asked for at the terminal unless said otherwise."""

    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from stdin.")] = False
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="FILE", help="Read the secret from a file that only you can read."),
    ] = None
    time_zone: Annotated[str, typer.Option(metavar="ZONE", help="Such as Europe/Berlin (default: the owner's).")] = ""
    types: _TypesOption = None

    def read_secret(self, what: str) -> str:
        """Get the secret; it is never part of the command line, which others on the machine can see.

        Raises:
            StopError: there is no terminal to ask at, or the file cannot be read, or others may read it.
        """
        if self.secret_file is not None:
            return read_private_text(self.secret_file).strip()
        if self.secret_stdin:
            return sys.stdin.readline(GIVEN_LENGTH_MAX).strip()
        if not sys.stdin.isatty():
            message = f"there is no terminal to ask for the {what}: use --secret-stdin or --secret-file"
            raise StopError(message, EXIT_USAGE)
        return getpass.getpass(f"{what.capitalize()}: ").strip()


@dataclass(frozen=True, kw_only=True)
class TelegramOptions(AddOptions):
    """A chat of a bot."""

    chat: Annotated[str, typer.Option(metavar="CHAT", help="Number of the chat (negative for a group), or @name.")]


@dataclass(frozen=True, kw_only=True)
class WebhookOptions(AddOptions):
    """An address that takes JSON."""

    url: Annotated[str, typer.Option(metavar="URL", help="Where calls are posted to; begins with https://.")]
    generate: Annotated[bool, typer.Option("--generate", help="Make a signing secret and print it once.")] = False


@dataclass(frozen=True, kw_only=True)
class EmailOptions(AddOptions):
    """A mailbox and a mail server."""

    recipient: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets the mail.")]
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="Whom it comes from.")]
    server: Annotated[str, typer.Option(metavar="HOST:PORT", help="The mail server that takes it.")]
    security: Annotated[
        Literal["starttls", "tls", "plain"], typer.Option(help="How the connection is protected (plain: not at all).")
    ] = "starttls"
    username: Annotated[str, typer.Option(metavar="NAME", help="Whom the server knows; without, no password.")] = ""


@dataclass(frozen=True, kw_only=True)
class SetOptions(ChannelOptions):
    """What to change."""

    types: _TypesOption = None
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Use the channel, or rest it.")] = None
    time_zone: Annotated[str | None, typer.Option(metavar="ZONE", help="Such as Europe/Berlin.")] = None


@dataclass(frozen=True, kw_only=True)
class OutboxOptions(TenantOptions):
    """Whether to try dead messages again."""

    retry: Annotated[bool, typer.Option("--retry", help="Let dead messages be tried again, from the first try.")] = (
        False
    )


@add_command(
    add_channel,
    "telegram",
    "fairlead notify add telegram phone --chat 123456789",
    "fairlead notify add telegram phone --chat 123456789 --secret-file bot-token --type SUCCESS=silent",
)
def add_telegram(options: TelegramOptions) -> None:
    """Add a chat of a Telegram bot; the secret is the bot's token, from @BotFather."""
    from fairlead.store.queries.notifications import TelegramTarget

    _add(options, TelegramTarget(chat=options.chat), options.read_secret("bot token"))


@add_command(
    add_channel,
    "webhook",
    "fairlead notify add webhook desk --url https://example.org/in --generate",
    'printf %s "$SECRET" | fairlead notify add webhook desk --url https://example.org/in --secret-stdin',
)
def add_webhook(options: WebhookOptions) -> None:
    """Add an address that gets signed JSON; the secret signs it (docs/how-to/notifications.md shows the check)."""
    from fairlead.accounts.passwords import generate_password
    from fairlead.store.queries.notifications import WebhookTarget

    secret = generate_password() if options.generate else options.read_secret("signing secret")
    channel = _add(options, WebhookTarget(url=options.url), secret, shown=options.generate)
    if options.url.startswith("http://"):
        tell(f"{channel.name}: plain http is used only with FAIRLEAD_NOTIFY_PRIVATE_TARGETS=true")


@add_command(
    add_channel,
    "email",
    "fairlead notify add email post --to me@example.org --from fairlead@example.org "
    "--server mail.example.org:587 --username me",
    "fairlead notify add email post --to me@example.org --from fairlead@example.org "
    "--server localhost:25 --security plain",
)
def add_email(options: EmailOptions) -> None:
    """Add a mailbox; the secret is the mail server's password, asked for when there is a user name."""
    from fairlead.store.queries.notifications import EmailTarget, MailSecurity

    host, _, port = options.server.rpartition(":")
    if not host or not port.isdecimal():
        raise StopError(f"--server {options.server} must be HOST:PORT, such as mail.example.org:587", EXIT_USAGE)
    target = EmailTarget(
        host=host.strip("[]"),
        port=int(port),
        security=MailSecurity(options.security),
        sender=options.sender,
        recipient=options.recipient,
        username=options.username,
    )
    _add(options, target, options.read_secret("password") if options.username else "")


@add_command(notify, "list", "fairlead notify list")
def list_all(options: TenantOptions) -> None:
    """List channels: those of one user's tenant, or all."""

    async def work(registry: Registry, tenant: str | None) -> list[dict[str, object]]:
        channels = _channels(registry)
        found = await channels.list_all(tenant)
        counts: dict[str, OutboxCount] = {}
        for one in {channel.tenant for channel in found}:
            counts |= await channels.count_outbox(one)
        return [channel_row(channel, counts.get(channel.channel_id)) for channel in found]

    say_rows(
        ask_some(options, work),
        as_json=options.as_json,
        empty="There is no channel yet: add one with fairlead notify add telegram NAME --chat CHAT",
    )


@add_command(notify, "show", "fairlead notify show phone")
def show(options: ChannelOptions) -> None:
    """Show one channel: where it leads, and how loud each type of message is."""
    _show(options, lambda registry, tenant: _channels(registry).find(tenant, options.name), reads=True)


@add_command(
    notify,
    "set",
    "fairlead notify set phone --type SUCCESS=silent --type CANCELED=off",
    "fairlead notify set phone --disable",
)
def change(options: SetOptions) -> None:
    """Change how loud types of messages are, rest a channel, or change its time zone."""
    levels = _read_types(options.types)

    async def work(registry: Registry, tenant: str) -> NotifyChannel | Refused:
        return await _channels(registry).set_levels(
            tenant, options.name, levels, enabled=options.enable, time_zone=options.time_zone
        )

    _show(options, work)


@add_command(notify, "remove", "fairlead notify remove phone")
def remove(options: ChannelOptions) -> None:
    """Forget a channel, its secret, and what waits in it."""
    removed = ask_tenant(options, lambda registry, tenant: _channels(registry).remove(tenant, options.name))
    say_facts({"removed": removed.name}, as_json=options.as_json)


@add_command(notify, "test", "fairlead notify test phone")
def send_sample(options: ChannelOptions) -> None:
    """Send a sample now, and say what happened. Exits with 1 when it was not taken."""
    from fairlead.accounts.registry import Refused
    from fairlead.wiring.channel_check import send_sample as send

    settings = load_settings(options)

    async def work(registry: Registry, tenant: str) -> str | Refused:
        channel = await _channels(registry).find(tenant, options.name)
        if isinstance(channel, Refused):
            return channel
        owner = await _channels(registry).find_owner(channel)
        return await send(settings, channel, owner)

    problem = ask_tenant(options, work, reads=True)
    if problem:
        raise StopError(f"{options.name} did not take the sample: {problem}")
    say_facts({"channel": options.name, "sample": "taken"}, as_json=options.as_json)


@add_command(notify, "outbox", "fairlead notify outbox", "fairlead notify outbox --retry")
def show_outbox(options: OutboxOptions) -> None:
    """Show what waits to be sent, and what died and why."""
    from fairlead.store.queries.notifications import DEAD, WAITING

    async def work(registry: Registry, tenant: str) -> tuple[int, dict[str, str], list[OutboxRow]]:
        channels = _channels(registry)
        revived = await channels.retry_dead(tenant) if options.retry else 0
        names = {channel.channel_id: channel.name for channel in await channels.list_all(tenant)}
        found = [*await channels.list_outbox(tenant, DEAD), *await channels.list_outbox(tenant, WAITING)]
        return revived, names, found

    revived, names, found = ask_tenant(options, work, reads=not options.retry)
    lines = [outbox_row(row, names) for row in found]
    if options.as_json:
        say_json({"revived": revived, "messages": lines})
        return
    if options.retry:
        tell(f"{revived} dead messages will be tried again.")
    if lines:
        say("\n".join(table_lines(lines)))
    else:
        tell("Nothing waits, and nothing died.")


def _add(options: AddOptions, target: Target, secret: str, *, shown: bool = False) -> NotifyChannel:
    from fairlead.accounts.registry import ChannelWish

    wish = ChannelWish(
        name=options.name,
        target=target,
        secret=secret,
        owner=options.user,
        time_zone=options.time_zone,
        levels=dict(_read_types(options.types)),
    )
    box = open_vault(load_settings(options))
    channel = ask_tenant(options, lambda registry, tenant: _channels(registry).add(tenant, wish, box))
    row = channel_details(channel, None)
    if shown:
        row["secret"] = secret
        tell("The secret is shown only now.")
    say_facts(row, as_json=options.as_json)
    tell(f"Try it: fairlead notify test {channel.name}")
    return channel


def _show(options: ChannelOptions, work: TenantWork[NotifyChannel], *, reads: bool = False) -> None:
    async def ask(registry: Registry, tenant: str) -> tuple[NotifyChannel, OutboxCount | None] | Refused:
        from fairlead.accounts.registry import Refused

        found = await work(registry, tenant)
        if isinstance(found, Refused):
            return found
        return found, (await _channels(registry).count_outbox(tenant)).get(found.channel_id)

    channel, count = ask_tenant(options, ask, reads=reads)
    say_facts(channel_details(channel, count), as_json=options.as_json)


def _read_types(given: Sequence[str] | None) -> Mapping[MessageKind, Level]:
    from fairlead.store.queries.notifications import Level, MessageKind

    levels: dict[MessageKind, Level] = {}
    for text in given or ():
        name, _, level = text.partition("=")
        try:
            levels[MessageKind(name.strip().upper())] = Level(level.strip().lower())
        except ValueError:
            kinds = ", ".join(MessageKind)
            message = f"--type {text} must be TYPE=on, TYPE=silent or TYPE=off; types are {kinds}"
            raise StopError(message, EXIT_USAGE) from None
    return levels


def _channels(registry: Registry) -> ChannelRegistry:
    from fairlead.accounts.registry import ChannelRegistry
    from fairlead.clock import SystemClock

    return ChannelRegistry(registry.store, SystemClock())
