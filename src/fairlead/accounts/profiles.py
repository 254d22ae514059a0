"""Risk profiles: named limits as data, read from TOML or JSON, checked field by field, and merged for one request."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Final, get_type_hints

import msgspec

from fairlead.core.model.account import ExecutionMode, VenueAccount
from fairlead.core.model.loss import LossLimits
from fairlead.core.model.money import ONE, ZERO, AmountError, parse_amount
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.risk import RiskLimits, RiskProfile
from fairlead.core.rules.account_book import RECENT_ORDERS_MAX
from fairlead.core.rules.risk import limits_of, loss_limits, merge_limits
from fairlead.core.rules.risk_checks.blackouts import parse_blackout
from fairlead.core.rules.trade_log import CLOSES_KEPT_MAX

PLATFORM: Final = "platform"
PLATFORM_LIVE: Final = "platform_live"
STRICT: Final = "strict"
PROFILE_TEXT_BYTES_MAX: Final = 262_144
# A repeat later than this is a decision, not an accident.
WINDOW_MS_MAX: Final = 60_000
# What a start reads back of the orders before it.
REPEAT_MS_MAX: Final = 600_000
# A bucket or a count can only be enforced while the book remembers clearly more orders than it allows.
COUNTED_ORDERS_MAX: Final = RECENT_ORDERS_MAX // 2

_DEFAULTS: Final[Mapping[ExecutionMode, str]] = {
    ExecutionMode.LIVE: "standard",
    ExecutionMode.DEMO: "paper",
    ExecutionMode.PAPER: "paper",
    ExecutionMode.DRY_RUN: "paper",
}


class ProfileProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a profile: where, what stands there, and what should."""

    field: str
    value: str
    rule: str


class ProfileError(ValueError):
    """Profiles that cannot be used; every problem is named."""

    def __init__(self, problems: tuple[ProfileProblem, ...]) -> None:
        """Keep the problems and put them into the message."""
        super().__init__("; ".join(f"{one.field} = {one.value}: {one.rule}" for one in problems))
        self.problems = problems


class ProfileBook:
    """The profiles there are, and the limits that follow for a request. Never changed: a new version is a new book."""

    def __init__(self, profiles: Mapping[str, RiskProfile], tenants: Mapping[str, RiskLimits] | None = None) -> None:
        """Take named profiles, the built-in ones among them, and what a tenant has tightened for all its accounts."""
        self._profiles = dict(profiles)
        self._tenants = dict(tenants or {})
        self._merged: dict[tuple[str, ...], tuple[RiskLimits, str]] = {}
        self._loss_limits: dict[tuple[str, ...], LossLimits] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Profiles that an account or a source may choose."""
        return tuple(sorted(self._profiles.keys() - {PLATFORM, PLATFORM_LIVE}))

    def find(self, name: str) -> RiskProfile | None:
        """Return a profile by its name."""
        return self._profiles.get(name)

    def limits_for(self, account: VenueAccount, request: OrderRequest) -> tuple[RiskLimits, str]:
        """Merge the scopes platform, tenant, account, source and instrument; tell which profiles took part.

        A name that nobody knows counts as ``strict``: a typing error must not remove a limit.
        """
        key = (account.tenant, account.mode.value, account.risk_profile, request.risk_profile, request.symbol)
        merged = self._merged.get(key)
        if merged is None:
            merged = self._merged[key] = self._merge(account, request)
        return merged

    def loss_limits_for(self, account: VenueAccount) -> LossLimits:
        """Merge the loss ladder of the scopes platform, tenant and account: it does not depend on who asks."""
        key = (account.tenant, account.mode.value, account.risk_profile)
        found = self._loss_limits.get(key)
        if found is None:
            names = (*_ceilings(account), account.risk_profile)
            scopes = (self._profile(name).limits for name in names)
            merged = merge_limits(self._tenants.get(account.tenant, RiskLimits()), *scopes)
            found = self._loss_limits[key] = loss_limits(merged)
        return found

    def _merge(self, account: VenueAccount, request: OrderRequest) -> tuple[RiskLimits, str]:
        chosen = [account.risk_profile] + ([request.risk_profile] if request.risk_profile else [])
        scopes = [self._tenants.get(account.tenant, RiskLimits())]
        scopes += [limits_of(self._profile(name), request.symbol) for name in (*_ceilings(account), *chosen)]
        return merge_limits(*scopes), " + ".join(dict.fromkeys(self._label(name) for name in chosen))

    def _profile(self, name: str) -> RiskProfile:
        return self._profiles.get(name) or self._profiles[STRICT]

    def _label(self, name: str) -> str:
        profile = self._profiles.get(name)
        if profile is None:
            return f"{STRICT} v{self._profiles[STRICT].version} (for unknown {name})"
        return f"{name} v{profile.version}"


def _ceilings(account: VenueAccount) -> tuple[str, ...]:
    return (PLATFORM, PLATFORM_LIVE) if account.mode is ExecutionMode.LIVE else (PLATFORM,)


def default_profile(mode: ExecutionMode) -> str:
    """Name the profile that a new account starts with."""
    return _DEFAULTS[mode]


def built_in_profiles() -> dict[str, RiskProfile]:
    """Read the profiles that come with the program."""
    return parse_toml((files("fairlead.accounts") / "profiles.toml").read_text(encoding="utf-8"))


def parse_toml(text: str) -> dict[str, RiskProfile]:
    """Read profiles from TOML: one table per profile.

    Raises:
        ProfileError: the text is not TOML, or a field is unknown, missing, or against its rule.
    """
    _check_length(text)
    try:
        tables = tomllib.loads(text, parse_float=_keep_text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ProfileError((_problem("profiles", "", f"must be TOML: {error}"),)) from error
    return _read_profiles(tables)


def parse_json(text: str) -> dict[str, RiskProfile]:
    """Read profiles from JSON of the same shape.

    Raises:
        ProfileError: as for TOML.
    """
    _check_length(text)
    try:
        tables = json.loads(text, parse_float=_keep_text, parse_constant=_keep_text)
    except (ValueError, RecursionError) as error:
        raise ProfileError((_problem("profiles", "", f"must be JSON: {error}"),)) from error
    return _read_profiles(tables)


class _Rule(msgspec.Struct, frozen=True):
    text: str
    holds: Callable[[Decimal], bool]


_NOT_NEGATIVE: Final = _Rule("must not be negative", lambda value: value >= ZERO)
_MULTIPLE: Final = _Rule("must be at least 1", lambda value: value >= ONE)
_FRACTION: Final = _Rule("must be from 0 to below 1", lambda value: ZERO <= value < ONE)
_SHARE: Final = _Rule("must be above 0 and below 1", lambda value: ZERO < value < ONE)
_SWITCH: Final = _Rule("must be 0 or 1", lambda value: value in {ZERO, ONE})
_DURATION: Final = _Rule("must be positive", lambda value: value > ZERO)
_COUNTED: Final = _Rule(f"must be from 1 to {COUNTED_ORDERS_MAX}", lambda value: ONE <= value <= COUNTED_ORDERS_MAX)
_WINDOW: Final = _Rule(f"must be from 0 to {WINDOW_MS_MAX}", lambda value: ZERO <= value <= WINDOW_MS_MAX)
_CLOSES: Final = _Rule(f"must be from 1 to {CLOSES_KEPT_MAX}", lambda value: ONE <= value <= CLOSES_KEPT_MAX)
_REPEATS: Final = _Rule(f"must be from 1 to {REPEAT_MS_MAX}", lambda value: ONE <= value <= REPEAT_MS_MAX)

# Closed: a test proves that every field of RiskLimits has its rule here or in LISTS.
RULES: Final[Mapping[str, _Rule]] = {
    "order_notional_max_usd": _NOT_NEGATIVE,
    "order_equity_share_max": _NOT_NEGATIVE,
    "price_collar": _FRACTION,
    "price_collar_passive": _FRACTION,
    "quote_age_max_ms": _DURATION,
    "signal_age_max_ms": _DURATION,
    "duplicate_window_ms": _WINDOW,
    "orders_per_second_max": _DURATION,
    "orders_burst_max": _COUNTED,
    "orders_per_minute_per_symbol_max": _COUNTED,
    "position_equity_share_max_spot": _NOT_NEGATIVE,
    "position_equity_share_max_perpetual": _NOT_NEGATIVE,
    "position_dust_usd": _NOT_NEGATIVE,
    "gross_exposure_max": _NOT_NEGATIVE,
    "net_exposure_max": _NOT_NEGATIVE,
    "exposure_leverage_max": _NOT_NEGATIVE,
    "leverage_max": _MULTIPLE,
    "liquidation_distance_min": _FRACTION,
    "open_positions_max": _NOT_NEGATIVE,
    "open_orders_max": _NOT_NEGATIVE,
    "day_loss_reduce": _SHARE,
    "day_loss_halt": _SHARE,
    "week_loss_halve": _SHARE,
    "month_loss_halt": _SHARE,
    "drawdown_taper": _SHARE,
    "drawdown_halve": _SHARE,
    "drawdown_reduce": _SHARE,
    "drawdown_halt": _SHARE,
    "loss_halt_flattens": _SWITCH,
    "streak_losses_max": _CLOSES,
    "streak_window_ms": _DURATION,
    "streak_pause_ms": _DURATION,
    "after_stop_pause_ms": _DURATION,
    "after_exit_pause_ms": _DURATION,
    "repeat_orders_max": _COUNTED,
    "repeat_window_ms": _REPEATS,
    "fat_finger_multiple": _MULTIPLE,
    "volume_share_max": _NOT_NEGATIVE,
    "depth_share_max": _NOT_NEGATIVE,
    "cluster_exposure_max": _NOT_NEGATIVE,
    "funding_edge_share_max": _NOT_NEGATIVE,
    "unknown_order_age_max_ms": _DURATION,
    "user_exposure_max": _NOT_NEGATIVE,
}
LISTS_LENGTH_MAX: Final = 64


def _read_blackouts(raw: object) -> tuple[str, ...] | None:
    if not isinstance(raw, list) or len(raw) > LISTS_LENGTH_MAX:
        return None
    if not all(isinstance(text, str) and parse_blackout(text) is not None for text in raw):
        return None
    return tuple(sorted(set(raw)))


def _read_clusters(raw: object) -> tuple[tuple[str, ...], ...] | None:
    if not isinstance(raw, list) or len(raw) > LISTS_LENGTH_MAX:
        return None
    for cluster in raw:
        if not isinstance(cluster, list) or not 0 < len(cluster) <= LISTS_LENGTH_MAX:
            return None
        if not all(isinstance(asset, str) and asset.isalnum() and asset.isupper() for asset in cluster):
            return None
    return tuple(sorted({tuple(sorted(set(cluster))) for cluster in raw}))


# Limits that are lists: how they are read, and what they must be.
LISTS: Final[Mapping[str, tuple[Callable[[object], object], str]]] = {
    "blackouts": (_read_blackouts, "must be texts like 'Wed 06:00 + 60 min' or '2026-12-10T18:30Z + 90 min'"),
    "clusters": (_read_clusters, "must be lists of assets in capital letters"),
}
_WHOLE_FIELDS: Final = frozenset(
    name
    for name, hint in get_type_hints(RiskLimits).items()
    if hint == int | None  # the annotation of whole numbers
)
_PARTS: Final = frozenset({"version", "description", "limits", "instruments"})


def _keep_text(text: str) -> str:
    # A number with a fraction stays text until it becomes a Decimal; a float never exists.
    return text


def _check_length(text: str) -> None:
    if len(text) > PROFILE_TEXT_BYTES_MAX:
        length = str(len(text))
        raise ProfileError((_problem("profiles", f"{length} characters", f"at most {PROFILE_TEXT_BYTES_MAX}"),))


def _problem(field: str, value: object, rule: str) -> ProfileProblem:
    return ProfileProblem(field=field, value=repr(value)[:80], rule=rule)


def _read_profiles(tables: object) -> dict[str, RiskProfile]:
    problems: list[ProfileProblem] = []
    profiles: dict[str, RiskProfile] = {}
    for name, table in _items(tables, "profiles", problems):
        profile = _read_profile(name, table, problems)
        if profile is not None:
            profiles[name] = profile
    if problems:
        raise ProfileError(tuple(problems))
    return profiles


def _read_profile(name: str, table: object, problems: list[ProfileProblem]) -> RiskProfile | None:
    parts = dict(_items(table, name, problems))
    known = ", ".join(sorted(_PARTS))
    problems += [
        _problem(f"{name}.{part}", parts[part], f"unknown; known are {known}") for part in parts.keys() - _PARTS
    ]
    limits = _read_limits(f"{name}.limits", parts.get("limits", {}), problems)
    instruments = {
        symbol: _read_limits(f"{name}.instruments.{symbol}", special, problems)
        for symbol, special in _items(parts.get("instruments", {}), f"{name}.instruments", problems)
    }
    version, description = parts.get("version"), parts.get("description")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        problems.append(_problem(f"{name}.version", version, "must be a whole number from 1"))
        return None
    if not isinstance(description, str) or not description.strip():
        problems.append(_problem(f"{name}.description", description, "must say what the profile is for"))
        return None
    return RiskProfile(name=name, version=version, description=description, limits=limits, instruments=instruments)


def _read_limits(path: str, table: object, problems: list[ProfileProblem]) -> RiskLimits:
    values: dict[str, object] = {}
    for field, raw in _items(table, path, problems):
        if field in LISTS:
            read, text = LISTS[field]
            values[field] = read(raw)
            if values[field] is None:
                problems.append(_problem(f"{path}.{field}", raw, text))
            continue
        rule = RULES.get(field)
        if rule is None:
            problems.append(_problem(f"{path}.{field}", raw, "unknown limit"))
            continue
        value = _read_number(raw)
        if value is None:
            problems.append(_problem(f"{path}.{field}", raw, "must be a plain number"))
        elif field in _WHOLE_FIELDS and value != value.to_integral_value():
            problems.append(_problem(f"{path}.{field}", raw, "must be a whole number"))
        elif not rule.holds(value):
            problems.append(_problem(f"{path}.{field}", raw, rule.text))
        else:
            values[field] = int(value) if field in _WHOLE_FIELDS else value
    return msgspec.convert(values, RiskLimits)


def _read_number(raw: object) -> Decimal | None:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        return None
    try:
        # TOML allows 1_000.5 between digits; parse_amount does not.
        return parse_amount(str(raw).replace("_", ""))
    except AmountError:
        return None


def _items(table: object, path: str, problems: list[ProfileProblem]) -> Iterator[tuple[str, object]]:
    if isinstance(table, dict):
        yield from table.items()
    else:
        problems.append(_problem(path, table, "must be a table"))
