"""No two installations share a secret, and none comes with one: every secret is drawn where it is used, or given."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from typer.testing import Result

from fairlead.core.model.secret_names import is_secret_name
from fairlead.settings import SECRET_NAMES, Settings
from tests.architecture.source_tree import ROOT, describe, list_files, read_sources

Run = Callable[..., Result]
# Tokens and keys as we draw them; tests and examples have shorter or telling ones.
DRAWN: Final = re.compile(
    r"\bfl[a-z]_[A-Za-z0-9_-]{40,}|\$argon2id\$v=\d+\$m=\d{4,}|-----BEGIN [A-Z ]*PRIVATE KEY-----\n\w{20}"
)


def find_written_secrets(text: str) -> list[str]:
    """Names of secrets that get a text for a value, other than an empty one."""
    return [
        f"{name} = {value!r}"
        for node in ast.walk(ast.parse(text))
        for name, value in _assigned(node)
        if is_secret_name(name) and isinstance(value, str | bytes) and value and name.islower()
    ]


def _assigned(node: ast.AST) -> list[tuple[str, object]]:
    match node:
        case ast.Assign(targets=targets, value=ast.Constant(value=value)):
            return [(target.id, value) for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
            return [(name, value)]
        case ast.keyword(arg=str(name), value=ast.Constant(value=value)):
            return [(name, value)]
        case ast.FunctionDef(args=given) | ast.AsyncFunctionDef(args=given):
            last = given.args[len(given.args) - len(given.defaults) :]
            pairs = [*zip(last, given.defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
            return [(one.arg, value.value) for one, value in pairs if isinstance(value, ast.Constant)]
        case _:
            return []


def test_m16_the_source_has_no_secret_in_it() -> None:
    violations = [f"{source.path}: {found}" for source in read_sources() for found in find_written_secrets(source.text)]
    assert not violations, describe(violations)


def test_a_secret_in_the_source_is_found() -> None:
    for text in (
        "token = 'changeme'",
        "open(password='admin')",
        "def enter(*, api_secret='x'): ...",
        "secret: str = 'y'",
    ):
        assert find_written_secrets(text), text
    for text in ("token = ''", "token_hint = 'sha256:'", "def enter(token=None): ...", "password = ask()"):
        assert not find_written_secrets(text), text


def test_nothing_that_was_drawn_is_committed() -> None:
    files = [path for path in list_files() if path.suffix not in {".png", ".lock"} and "tests" not in path.parts]
    found = [
        f"{path.relative_to(ROOT)}: {match.group()[:12]}..."
        for path in files
        for match in DRAWN.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found, describe(found)


def test_no_setting_has_a_secret_for_a_default() -> None:
    settings = Settings()
    assert settings.secrets == ()
    assert all(not str(getattr(settings, name)).strip("*") for name in SECRET_NAMES)


def test_two_fresh_installations_share_no_secret(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[str]] = []
    for name in ("one", "two"):
        monkeypatch.setenv("FAIRLEAD_DATA_DIR", str(tmp_path / name))
        owner = json.loads(run("user", "add", "olive", "--generate", "--json").stdout)
        run("account", "add", "main")
        hook = json.loads(run("hook", "add", "tv", "--json").stdout)
        again = json.loads(run("hook", "rotate", "tv", "--json").stdout)
        url = ("--url", "https://example.org/in", "--generate")
        channel = json.loads(run("notify", "add", "webhook", "desk", *url, "--json").stdout)
        key = (tmp_path / name / "vault.key").read_text().splitlines()[-1]
        shown = run("vault", "new-key").stdout.strip()
        drawn.append([owner["password"], hook["token"], again["token"], channel["secret"], key, shown])
    together = [secret for secrets in drawn for secret in secrets]
    assert len(set(together)) == len(together) == 12
    assert min(map(len, together)) >= 24
