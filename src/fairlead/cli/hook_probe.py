"""`fairlead hook test`: from which address a call comes, and whether it would be let in."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.hook_text import hook_url
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_facts
from fairlead.cli.tenants import TenantOptions, ask_tenant

if TYPE_CHECKING:
    from fairlead.settings import Settings
    from fairlead.store.queries.hooks import Hook


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(TenantOptions):
    """Which hook, and who calls it."""

    hook: Annotated[str, typer.Argument(metavar="HOOK", help="Name or id of the hook.")]
    address: Annotated[str, typer.Option(help="Judge this address, without a server.")] = ""
    url: Annotated[str, typer.Option(help="Where Fairlead is reached; default: its own address.")] = ""
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the hook's token from stdin.")] = False


def add_hook_probe(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "test",
        "fairlead hook test my-strategy --address 52.89.214.238",
        "fairlead hook test my-strategy --url https://trade.example.com      asks for the token",
    )(probe_hook)


def probe_hook(options: ProbeOptions) -> None:
    """Tell which address Fairlead sees when you call a hook, and whether it lets that address in.

    With --address nothing is called: the lists are read as they stand. Exits with 1 when the address is not let in.
    """
    settings = load_settings(options)
    hook = ask_tenant(options, lambda registry, tenant: registry.hooks.find(tenant, options.hook), reads=True)
    row = _judge(hook, options.address, settings) if options.address else _ask_server(hook, options, settings)
    say_facts(row, as_json=options.as_json)
    if not row["allowed"]:
        raise StopError(f"{row['address']} is not let in: change the lists, or FAIRLEAD_TRUSTED_PROXIES behind a proxy")


def _judge(hook: Hook, text: str, settings: Settings) -> dict[str, object]:
    from fairlead.accounts.addresses import AddressList, parse_address

    address = parse_address(text)
    if address is None:
        raise StopError(f"--address {text}: write an address such as 192.0.2.7", EXIT_USAGE)
    installation_rule = AddressList(settings.allowed_addresses).find_rule(address)
    hook_rule = AddressList(hook.address_list).find_rule(address)
    return {
        "address": str(address),
        "installation_rule": installation_rule,
        "hook_rule": hook_rule,
        "allowed": installation_rule is not None and hook_rule is not None,
    }


def _ask_server(hook: Hook, options: ProbeOptions, settings: Settings) -> dict[str, object]:
    from fairlead.cli.http_call import get_json

    base_url = options.url.rstrip("/") or settings.base_url
    answer = get_json(f"{hook_url(base_url, hook.hook_id)}/address", _read_token(options))
    if answer.is_refusal:
        raise StopError(f"{base_url} answered {answer.status_code}: {answer.body.get('error', 'no reason given')}")
    return {name: answer.body.get(name) for name in ("address", "installation_rule", "hook_rule", "allowed")}


def _read_token(options: ProbeOptions) -> str:
    if options.token_stdin:
        return sys.stdin.readline().strip()
    if not sys.stdin.isatty():
        raise StopError("there is no terminal to ask for the token: use --token-stdin, or --address", EXIT_USAGE)
    return getpass.getpass("Token of the hook: ").strip()
