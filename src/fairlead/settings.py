"""What an operator may set: on the command line, in `FAIRLEAD_*`, or in `fairlead.toml` of the data folder."""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

PREFIX: Final = "FAIRLEAD_"
FILE_NAME: Final = "fairlead.toml"
DATABASE_NAME: Final = "fairlead.sqlite3"
PORT_MAX: Final = 65_535
TOKEN_LENGTH_MIN: Final = 16
# Shown by nobody; the file beside the database is no place for a key that protects the database.
SECRET_NAMES: Final = frozenset({"metrics_token", "vault_key"})
NOT_IN_FILE: Final = frozenset({"vault_key"})
_OTHERS: Final = 0o077
LOOPBACK_NAMES: Final = frozenset({"localhost", "ip6-localhost"})

Network = IPv4Network | IPv6Network


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """One JSON object per line for machines, or lines for people."""

    JSON = "json"
    TEXT = "text"


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Networks = Annotated[tuple[Network, ...], BeforeValidator(_split_commas)]


def default_data_dir() -> Path:
    """Where this platform keeps a user's application data."""
    return Path(platformdirs.user_data_dir("fairlead", appauthor=False))


class Settings(BaseModel):
    """Every setting with its default; `fairlead check-config` prints them, and `read_settings` reads them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    data_dir: Path = Field(default_factory=default_data_dir, description="folder of the database and of fairlead.toml")
    database_url: str = Field(
        default="", repr=False, description="where the store is; empty means SQLite in the data folder"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=PORT_MAX, description="port to listen on; 0 picks a free one")
    public_listen: bool = Field(default=False, description="allow an address that other machines can reach")
    tls_certificate_file: Path | None = Field(default=None, description="serve https with this certificate chain (PEM)")
    tls_key_file: Path | None = Field(default=None, description="private key of the certificate (PEM)")
    public_url: str = Field(default="", description="how the world reaches us; empty means host and port")
    log_level: LogLevel = Field(default=LogLevel.INFO, description="how much is logged")
    log_format: LogFormat = Field(default=LogFormat.TEXT, description="text for people, json for machines")
    log_file: Path | None = Field(default=None, description="also log to this file, as JSON; empty means only stderr")
    log_file_bytes_max: int = Field(default=10_485_760, ge=65_536, description="begin a new log file beyond this size")
    log_files_max: int = Field(default=5, ge=1, le=100, description="how many log files are kept")
    metrics_token: str = Field(
        default="", repr=False, description="who may read /metrics; empty means callers on this machine"
    )
    vault_key: SecretStr = Field(default=SecretStr(""), description="keys of the vault, newest first (commas)")
    vault_key_file: Path | None = Field(
        default=None,
        description="file with the vault's keys; empty means a systemd credential, or vault.key in the data",
    )
    otlp_url: str = Field(default="", description="where traces go (OTLP over HTTP); empty means nowhere")
    trusted_proxies: Networks = Field(default=(), description="proxies whose forwarding header counts (CIDR, commas)")
    allowed_addresses: Networks = Field(default=(), description="who may call hooks (CIDR, commas); empty means all")
    wait_deadline_ms: int = Field(default=2_500, ge=0, le=60_000, description="how long a wait-mode hook waits")
    body_bytes_max: int = Field(default=65_536, ge=1_024, le=10_485_760, description="largest alert body")
    unfinished_requests_max: int = Field(default=20_000, ge=1, description="backlog beyond which senders get 429")
    telegram_url: str = Field(default="https://api.telegram.org", description="where Telegram's Bot API is")
    notify_private_targets: bool = Field(
        default=False, description="let outgoing webhooks use private addresses and plain http"
    )
    enable_live_trading: bool = Field(default=False, description="let live accounts trade; without it they are refused")
    rules_dir: Path | None = Field(default=None, description="folder of rules in Python for bots; empty means none")
    market_seed: int = Field(default=7, ge=0, description="seed of the simulated market")
    market_volatility: Decimal = Field(
        default=Decimal("0.00002"),
        gt=0,
        le=Decimal("0.01"),
        description="typical move of the simulated market in 250 ms, as a fraction of the price",
    )
    market_prices: Path | None = Field(
        default=None,
        description="candles (.csv, .parquet) that the simulated market follows from each start on; empty means chance",
    )

    @field_validator(
        "data_dir", "log_file", "tls_certificate_file", "tls_key_file", "vault_key_file", "rules_dir", "market_prices"
    )
    @classmethod
    def _make_absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("metrics_token")
    @classmethod
    def _be_long(cls, value: str) -> str:
        if value and len(value) < TOKEN_LENGTH_MIN:
            message = f"a token that others could guess: use at least {TOKEN_LENGTH_MIN} characters"
            raise ValueError(message)
        return value

    @field_validator("telegram_url")
    @classmethod
    def _check_telegram_url(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
            raise ValueError("write a whole address, such as https://api.telegram.org")
        return value

    @model_validator(mode="after")
    def _stay_private(self) -> Settings:
        if (self.tls_certificate_file is None) is not (self.tls_key_file is None):
            message = f"https needs both {PREFIX}TLS_CERTIFICATE_FILE and {PREFIX}TLS_KEY_FILE"
            raise ValueError(message)
        telegram = urlsplit(self.telegram_url)
        if telegram.scheme == "http" and not self.notify_private_targets and not _is_loopback(telegram.hostname or ""):
            message = (
                f"bot tokens would travel in clear to {telegram.hostname}: use https, or set "
                f"{PREFIX}NOTIFY_PRIVATE_TARGETS=true where nobody can listen"
            )
            raise ValueError(message)
        if not self.public_listen and not self.serves_tls and not _is_loopback(self.host):
            message = (
                f"host {self.host} can be reached from other machines: use 127.0.0.1, or serve https with "
                f"{PREFIX}TLS_CERTIFICATE_FILE and {PREFIX}TLS_KEY_FILE, or set {PREFIX}PUBLIC_LISTEN=true once a "
                "firewall or a proxy protects it"
            )
            raise ValueError(message)
        return self

    @property
    def serves_tls(self) -> bool:
        """Whether we speak https ourselves."""
        return self.tls_certificate_file is not None

    @property
    def store_url(self) -> str:
        """The database, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / DATABASE_NAME}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: tokens, and passwords inside addresses."""
        urls = (self.database_url, self.otlp_url)
        passwords = [found for url in urls if (found := _find_password(url))]
        # A driver says it as it is, a URL with its special characters written as numbers.
        passwords += [unquote(password) for password in passwords]
        return tuple(filter(None, (self.metrics_token, *self.vault_key.get_secret_value().split(","), *passwords)))

    @property
    def base_url(self) -> str:
        """How others reach us, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.serves_tls else "http"
        return self.public_url.rstrip("/") or f"{scheme}://{host}:{self.port}"


class SettingLine(BaseModel):
    """One setting as `check-config` shows it."""

    name: str
    variable: str
    value: str
    origin: str
    description: str
    problem: str = ""


class SettingsReport(BaseModel):
    """All settings, where each came from, and what is wrong; ``settings`` is None when something is."""

    lines: list[SettingLine]
    problems: list[str]
    warnings: list[str]
    settings: Settings | None = None


def read_settings(overrides: Mapping[str, Any]) -> SettingsReport:
    """Read every place a setting may stand in; ``overrides`` come from the command line (None means not given)."""
    chosen = {name: value for name, value in overrides.items() if value is not None}
    environment = _read_environment()
    folder = chosen.get("data_dir") or environment.get("data_dir") or default_data_dir()
    path = Path(folder).expanduser() / FILE_NAME
    written, problems = _read_file(path)
    problems += _find_leak(path, written)
    problems += [
        f"{name}: not in {path}, which lies beside the database: use {PREFIX}{name.upper()} or {PREFIX}VAULT_KEY_FILE"
        for name in NOT_IN_FILE.intersection(written)
    ]
    origins = {
        **dict.fromkeys(written, str(path)),
        **{name: f"environment {PREFIX}{name.upper()}" for name in environment},
        **dict.fromkeys(chosen, "command line"),
    }
    given = {**written, **environment, **chosen}
    settings, found = _build(given)
    return SettingsReport(
        lines=[
            _describe(name, given, origins, settings=settings, problem=found.get(name, ""))
            for name in Settings.model_fields
        ],
        problems=problems + [f"{name}: {text}" if name else text for name, text in found.items()],
        warnings=_find_unknown_variables(),
        settings=settings if not problems else None,
    )


def _build(given: Mapping[str, Any]) -> tuple[Settings | None, dict[str, str]]:
    try:
        return Settings(**given), {}
    except ValidationError as error:
        found: dict[str, str] = {}
        for problem in error.errors(include_url=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            if problem["type"] == "extra_forbidden":
                found[name] = _say_unknown("this", _find_nearest(name))
            else:
                found[name] = problem["msg"].removeprefix("Value error, ")
        return None, found


def _read_environment() -> dict[str, str]:
    present = {name.upper(): value for name, value in os.environ.items() if value}
    return {name: present[key] for name in Settings.model_fields if (key := f"{PREFIX}{name.upper()}") in present}


def _read_file(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"{path} cannot be read: {error}"]


def _find_leak(path: Path, written: Mapping[str, Any]) -> list[str]:
    """A file that others may read is no place for a secret."""
    secret = [name for name, value in written.items() if name in SECRET_NAMES or _find_password(str(value))]
    if not secret or not stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        return []
    return [f"others may read {path}, which holds {', '.join(secret)}: run chmod 600 {path}, and change what it holds"]


def _find_unknown_variables() -> list[str]:
    warnings = []
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX).lower()
        if variable.upper().startswith(PREFIX) and name not in Settings.model_fields:
            near = _find_nearest(name)
            warnings.append(_say_unknown(variable, near and f"{PREFIX}{near.upper()}"))
    return warnings


def _find_nearest(name: str) -> str:
    return next(iter(difflib.get_close_matches(name, Settings.model_fields, n=1)), "")


def _say_unknown(name: str, near: str) -> str:
    return f"{name} is not a setting; " + (f"did you mean {near}?" if near else "fairlead check-config shows all")


def _describe(
    name: str,
    raw: Mapping[str, Any],
    origins: Mapping[str, str],
    *,
    settings: Settings | None,
    problem: str,
) -> SettingLine:
    field = Settings.model_fields[name]
    value = raw.get(name, field.get_default(call_default_factory=True)) if settings is None else getattr(settings, name)
    return SettingLine(
        name=name,
        variable=f"{PREFIX}{name.upper()}",
        value=_show(name, _write(value)),
        origin=origins.get(name, "default"),
        description=field.description or "",
        problem=problem,
    )


def _show(name: str, text: str) -> str:
    """Whether a secret is set may be seen, and nothing else of it."""
    if name in SECRET_NAMES:
        return "***" if text else ""
    return redact_url(text)


def _write(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def redact_url(url: str) -> str:
    """Blank the password of a URL, and a name that needs none: on the web that is a token."""
    password = _find_password(url)
    shown = url.replace(f":{password}@", ":***@", 1) if password else url
    return re.sub(r"^(https?://)[^:/?#@]+@", r"\1***@", shown)


# Up to the last @, because a password may hold what should have been written as numbers: "/", "#", "?" and "@" too.
def _find_password(url: str) -> str:
    found = re.search(r"://[^:/@]*:(.+)@", url)
    return found[1] if found else ""


def _is_loopback(host: str) -> bool:
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
