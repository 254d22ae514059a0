"""Where OKX is: the addresses of a region, for whoever adds an account."""

from __future__ import annotations

from fairlead.venues.okx.sites import DEMO_SITES, LIVE_SITES


class UnknownRegionError(ValueError):
    """OKX has no site for it that is known here."""


def addresses_of(region: str, *, is_demo: bool) -> tuple[str, str]:
    """REST and WebSocket address of a region's live or demo site.

    Raises:
        UnknownRegionError: no such region.
    """
    sites = DEMO_SITES if is_demo else LIVE_SITES
    site = sites.get(region)
    if site is None:
        raise UnknownRegionError(f"no region {region!r}; there are {', '.join(sorted(sites))}")
    return site.rest_url, site.socket_url
