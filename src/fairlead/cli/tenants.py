"""Commands about the things of one tenant, named by one of its users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fairlead.cli.options import PrintOptions
from fairlead.cli.records import Registry, ask_registry

if TYPE_CHECKING:
    from fairlead.accounts.registry import Refused

ResultT = TypeVar("ResultT")
TenantWork = Callable[[Registry, str], Awaitable["ResultT | Refused"]]
ListWork = Callable[[Registry, "str | None"], Awaitable[Sequence[ResultT]]]


@dataclass(frozen=True, kw_only=True)
class TenantOptions(PrintOptions):
    """Whose things are meant."""

    user: Annotated[str, typer.Option(metavar="NAME", help="Whose; needed only when there are several tenants.")] = ""


def ask_tenant(options: TenantOptions, work: TenantWork[ResultT], *, reads: bool = False) -> ResultT:
    """Do one piece of work for the tenant that is meant; work that only ``reads`` leaves the folder as it is.

    Raises:
        StopError: it is not clear which tenant, or the work was refused.
    """

    async def ask(registry: Registry) -> ResultT | Refused:
        from fairlead.accounts.registry import Refused

        tenant = await registry.users.find_tenant(options.user)
        return tenant if isinstance(tenant, Refused) else await work(registry, tenant)

    return ask_registry(options, ask, reads=reads)


def ask_some(options: TenantOptions, work: ListWork[ResultT]) -> Sequence[ResultT]:
    """List the things of one tenant when a user is named, else of all."""

    async def ask(registry: Registry) -> Sequence[ResultT] | Refused:
        from fairlead.accounts.registry import Refused

        tenant = await registry.users.find_tenant(options.user) if options.user else None
        return tenant if isinstance(tenant, Refused) else await work(registry, tenant)

    return ask_registry(options, ask, reads=True)
