"""`fairlead account`: where orders go."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.account_check import add_check
from fairlead.cli.account_keys import account_key
from fairlead.cli.account_promotion import add_promotion
from fairlead.cli.account_protection import add_protection, protection_row, protections_now
from fairlead.cli.account_resume import add_resume
from fairlead.cli.ccxt_accounts import CCXT, check_exchange
from fairlead.cli.config import load_settings
from fairlead.cli.drift import drift_registry, recovery_row
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_facts, say_rows
from fairlead.cli.tenants import TenantOptions, TenantWork, ask_some, ask_tenant
from fairlead.core.model.account import Balance, ExecutionMode, PositionMode, VenueAccount
from fairlead.core.model.money import AmountError, format_amount, parse_amount

if TYPE_CHECKING:
    from fairlead.reporting.explain_holdings import HeldNow

DEFAULT_BALANCE: Final = ("USDT=10000",)
OKX: Final = "okx"

accounts = typer.Typer(help="Venue accounts: where orders go.", no_args_is_help=True, rich_markup_mode=None)
accounts.add_typer(account_key, name="key")
add_check(accounts)
add_promotion(accounts)
add_protection(accounts)
add_resume(accounts)


@dataclass(frozen=True, kw_only=True)
class AccountOptions(TenantOptions):
    """Which account."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]


@dataclass(frozen=True, kw_only=True)
class AddAccountOptions(TenantOptions):
    """A new account."""

    label: Annotated[str, typer.Argument(metavar="LABEL", help="Name of the account, as messages will show it.")]
    exchange: Annotated[
        str, typer.Option(help="Exchange that alerts name (default okx); for kind ccxt one of fairlead venue list.")
    ] = ""
    kind: Annotated[
        str,
        typer.Option(
            help="How orders get there: paper is pretend money on simulated prices, okx is OKX itself, ccxt is any "
            "exchange that the library ccxt knows."
        ),
    ] = "paper"
    mode: Annotated[
        ExecutionMode | None, typer.Option(help="For okx and ccxt: demo (default), or live, which trades real money.")
    ] = None
    region: Annotated[str, typer.Option(help="For kind okx: where the account is: global, eea or us.")] = "global"
    rest_url: Annotated[str, typer.Option(metavar="URL", help="For okx and ccxt: another REST address.")] = ""
    socket_url: Annotated[
        str, typer.Option(metavar="URL", help="For okx and ccxt: another WebSocket address; up to /ws/v5.")
    ] = ""
    position_mode: Annotated[PositionMode, typer.Option(help="One position a symbol, or a long and a short one.")] = (
        PositionMode.NET
    )
    profile: Annotated[str, typer.Option(help="Risk profile; default: the one for this kind.")] = ""
    balance: Annotated[
        list[str] | None,
        typer.Option(metavar="CURRENCY=AMOUNT", help="First cash (default USDT=10000); repeat for more."),
    ] = None
    group: Annotated[str, typer.Option(help="Group to join.")] = "default"


@add_command(
    accounts,
    "add",
    "fairlead account add paper-1",
    "fairlead account add paper-2 --position-mode long_short --balance USDT=5000 --balance BTC=0.1",
    "fairlead account add careful --profile strict --group cautious",
    "fairlead account add main --kind okx --mode demo",
    "fairlead account add second --kind ccxt --exchange kraken --mode live",
    "fairlead account add local --kind okx --rest-url http://127.0.0.1:9000 --socket-url ws://127.0.0.1:9000/ws/v5",
)
def add(options: AddAccountOptions) -> None:
    """Add an account and put it into a group. One at an exchange needs its key next: fairlead account key set."""
    from fairlead.accounts.registry import AccountWish

    rest_url, socket_url = _addresses(options)
    if options.kind == CCXT:
        check_exchange(options.exchange, is_demo=options.mode is not ExecutionMode.LIVE)
    first_cash = options.balance or ([] if options.kind in {OKX, CCXT} else DEFAULT_BALANCE)
    wish = AccountWish(
        label=options.label,
        exchange=options.exchange or OKX,
        kind=options.kind,
        position_mode=options.position_mode,
        risk_profile=options.profile,
        opening_balances=dict(map(read_balance, first_cash)),
        group=options.group,
        mode=options.mode,
        rest_url=rest_url,
        socket_url=socket_url,
    )
    _change(options, lambda registry, tenant: registry.accounts.add(tenant, wish))


@add_command(accounts, "list", "fairlead account list", "fairlead account list --user alice --json")
def list_all(options: TenantOptions) -> None:
    """List accounts: those of one user's tenant, or all. Protection is empty where no venue is far away."""
    found = ask_some(options, lambda registry, tenant: drift_registry(registry).list_all(tenant))
    states = protections_now(found, options)
    say_rows(
        [
            account_row(one.account) | {"protection": "" if state is None else state.value}
            for one, state in zip(found, states, strict=True)
        ],
        as_json=options.as_json,
        empty="There is no account yet: add one with fairlead account add LABEL",
    )


@add_command(accounts, "show", "fairlead account show paper-1")
def show(options: AccountOptions) -> None:
    """Show one account, and once a server has opened it, what that found and who protects it."""
    found = ask_tenant(options, lambda registry, tenant: registry.accounts.find(tenant, options.account), reads=True)
    opened = ask_some(options, lambda registry, _: drift_registry(registry).list_all(found.tenant))
    (stored,) = (one for one in opened if one.account.account_id == found.account_id)
    say_facts(account_row(found) | recovery_row(stored) | protection_row(stored, options), as_json=options.as_json)


@add_command(accounts, "enable", "fairlead account enable paper-1")
def enable(options: AccountOptions) -> None:
    """Let an account take orders again."""
    _change(options, lambda registry, tenant: registry.accounts.set_enabled(tenant, options.account, enabled=True))


@add_command(accounts, "disable", "fairlead account disable paper-1")
def disable(options: AccountOptions) -> None:
    """Keep an account out of every alert. What it holds stays; nothing is closed."""
    _change(options, lambda registry, tenant: registry.accounts.set_enabled(tenant, options.account, enabled=False))


@dataclass(frozen=True, kw_only=True)
class ModeOptions(AccountOptions):
    """An account and its mode."""

    mode: Annotated[ExecutionMode, typer.Argument(metavar="MODE", help="live, demo, paper or dry_run.")]


@add_command(accounts, "mode", "fairlead account mode paper-1 dry_run", "fairlead account mode paper-1 paper")
def set_mode(options: ModeOptions) -> None:
    """Change what an account does with orders: down at once, up to live by promotion only.

    In dry_run everything is decided and explained, and nothing is sent; orders that rest stay.
    """
    _change(options, lambda registry, tenant: registry.accounts.set_mode(tenant, options.account, options.mode))


@add_command(accounts, "balances", "fairlead account balances paper-1 --json")
def show_balances(options: AccountOptions) -> None:
    """Show what an account has, as of its last fill; available is free of orders and of the margin of positions."""
    from fairlead.reporting.explain_holdings import HeldNow
    from fairlead.wiring import instruments_of_accounts

    found = ask_tenant(
        options, lambda registry, tenant: registry.accounts.read_holdings(tenant, options.account), reads=True
    )
    account = ask_tenant(options, lambda registry, tenant: registry.accounts.find(tenant, options.account), reads=True)
    instruments = instruments_of_accounts(load_settings(options).store_url)(account.account_id)
    held = HeldNow(found.positions, found.balances, instruments)
    say_rows(
        [_balance_row(balance, held) for balance in found.balances],
        as_json=options.as_json,
        empty="Nothing yet: a new account gets its first cash when a server opens it (fairlead serve).",
    )


def _addresses(options: AddAccountOptions) -> tuple[str, str]:
    from fairlead.wiring.okx_sites import UnknownRegionError, addresses_of

    if bool(options.rest_url) is not bool(options.socket_url):
        raise StopError("give both --rest-url and --socket-url, or neither", EXIT_USAGE)
    if options.rest_url or options.kind != OKX:
        return options.rest_url, options.socket_url
    try:
        return addresses_of(options.region, is_demo=options.mode is not ExecutionMode.LIVE)
    except UnknownRegionError as error:
        raise StopError(str(error), EXIT_USAGE) from None


def read_balance(text: str) -> tuple[str, Decimal]:
    """Read `USDT=10000`.

    Raises:
        StopError: it has another form.
    """
    currency, _, amount = text.partition("=")
    try:
        value = parse_amount(amount.strip())
    except AmountError as error:
        raise StopError(f"--balance {text}: {error}; write it as USDT=10000", EXIT_USAGE) from error
    if not currency.strip().isalnum() or value < 0:
        raise StopError(f"--balance {text}: write it as USDT=10000", EXIT_USAGE)
    return currency.strip().upper(), value


def account_row(account: VenueAccount) -> dict[str, object]:
    """An account as it is printed."""
    return {
        "id": account.account_id,
        "label": account.label,
        "tenant": account.tenant,
        "exchange": account.exchange,
        "kind": account.kind,
        "mode": account.mode.value,
        "position_mode": account.position_mode.value,
        "risk_profile": account.risk_profile,
        "enabled": account.enabled,
        "opening_balances": {name: format_amount(value) for name, value in account.opening_balances.items()},
    }


def _change(options: TenantOptions, work: TenantWork[VenueAccount]) -> None:
    say_facts(account_row(ask_tenant(options, work)), as_json=options.as_json)


def _balance_row(balance: Balance, held: HeldNow) -> dict[str, object]:
    from fairlead.reporting.explain_holdings import describe_balance

    part = describe_balance(balance, held)
    return {
        "currency": balance.currency,
        "total": format_amount(balance.total),
        "available": format_amount(part.available),
        "reserved": format_amount(balance.reserved),
        "position_margin": format_amount(part.position_margin),
    }
