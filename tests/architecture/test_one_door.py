"""One door: what imports and types cannot see of the way to a venue, and of the few edges that may catch everything."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tests.architecture.source_tree import Source, describe, read_sources

APPROVER = "core/rules/risk.py"
VENUE_HOLDERS = ("venues/", "wiring.py", "wiring/")
CATCH_ALL_EDGES = ("web/", "worker.py", "worker/", "clock.py", "venues/")
DRAWERS_OF_SECRETS = ("accounts/",)
CLOCKS_AND_DICE = frozenset({"random", "time", "uuid"})
CATCH_ALL_NAMES = frozenset({"BaseException", "Exception"})
MUTED_WITHOUT_CODE = re.compile(r"type:\s*ignore(?!\[[\w, -]+\])|\bnoqa\b(?!:\s*[A-Z]+[0-9]+)", re.IGNORECASE)


def find_approvals(source: Source) -> list[str]:
    """Whoever makes an ApprovedOrder, or hides its name so that making one could not be seen."""
    if source.path == APPROVER:
        return []
    return [
        f"{source.where(node)}: only {APPROVER} makes an ApprovedOrder"
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Call) and _last_name(node.func) == "ApprovedOrder")
        or (isinstance(node, ast.Assign) and _last_name(node.value) == "ApprovedOrder")
        or (isinstance(node, ast.ImportFrom) and any(_is_renamed(alias) for alias in node.names))
    ]


def _is_renamed(alias: ast.alias) -> bool:
    return alias.name == "ApprovedOrder" and alias.asname not in {None, "ApprovedOrder"}


def _last_name(node: ast.expr | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def find_venue_imports(source: Source) -> list[str]:
    """Whoever names the venues in an import, or in a text that could become one."""
    if source.path.startswith(VENUE_HOLDERS):
        return []
    return [
        f"{source.path}:{line}: only wiring knows the venues"
        for line, name in _imported_names(source.tree)
        if name == "fairlead.venues" or name.startswith("fairlead.venues.")
    ]


def _imported_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def find_catch_alls(source: Source) -> list[str]:
    """A bare except, `except Exception` and `suppress(Exception)` outside the three edges.

    Whoever cleans up and always raises on has caught nothing.
    """
    if source.path.startswith(CATCH_ALL_EDGES):
        return []
    handlers = [node for node in ast.walk(source.tree) if isinstance(node, ast.ExceptHandler)]
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    return [
        f"{source.where(node)}: catches everything, which only a request, task or adapter edge may"
        for node in [
            *(handler for handler in handlers if _catches_all(handler.type) and not _raises_on(handler)),
            *(call for call in calls if _last_name(call.func) == "suppress" and any(map(_catches_all, call.args))),
        ]
    ]


def _catches_all(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_catches_all(part) for part in caught.elts)
    return caught is None or _last_name(caught) in CATCH_ALL_NAMES


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    ways_out = (ast.Return, ast.Break, ast.Continue)
    return (
        isinstance(last, ast.Raise)
        and last.exc is None
        and not any(isinstance(node, ways_out) for statement in handler.body for node in ast.walk(statement))
    )


def find_muted_lines(source: Source) -> list[str]:
    """A check that is switched off without saying which."""
    return [
        f"{source.path}:{token.start[0]}: say which rule is ignored: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline)
        if token.type == tokenize.COMMENT and MUTED_WITHOUT_CODE.search(token.string)
    ]


def find_clocks_and_dice(source: Source) -> list[str]:
    """Ruff lets these folders draw secrets; nothing else of what TID251 bans is theirs."""
    if not source.path.startswith(DRAWERS_OF_SECRETS):
        return []
    imports = [
        f"{source.path}:{line}: {name}"
        for line, name in _imported_names(source.tree)
        if name.split(".")[0] in CLOCKS_AND_DICE and " " not in name
    ]
    calls = [
        f"{source.where(node)}: {ast.unparse(node.func)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and re.search(r"\b(date|datetime)\.(now|today|utcnow)$|^asyncio\.sleep$", ast.unparse(node.func))
    ]
    return imports + calls


def test_only_the_risk_rule_approves_an_order() -> None:
    violations = [violation for source in read_sources() for violation in find_approvals(source)]
    assert not violations, describe(violations)


def test_only_the_wiring_knows_the_venues() -> None:
    violations = [violation for source in read_sources() for violation in find_venue_imports(source)]
    assert not violations, describe(violations)


def test_only_three_edges_catch_everything() -> None:
    violations = [violation for source in read_sources() for violation in find_catch_alls(source)]
    assert not violations, describe(violations)


def test_no_check_is_muted_without_saying_which() -> None:
    violations = [violation for source in read_sources() for violation in find_muted_lines(source)]
    assert not violations, describe(violations)


def test_who_draws_secrets_asks_no_clock_and_throws_no_dice() -> None:
    violations = [violation for source in read_sources() for violation in find_clocks_and_dice(source)]
    assert not violations, describe(violations)


def test_an_approval_elsewhere_is_found() -> None:
    for text in (
        "order = ApprovedOrder(quantity=1)",
        "order = model.order.ApprovedOrder(quantity=1)",
        "from fairlead.core.model.order import ApprovedOrder as Order",
        "Make = ApprovedOrder",
    ):
        assert find_approvals(Source("orders/account_desk.py", text)), text
        assert not find_approvals(Source(APPROVER, text)), text
    assert not find_approvals(Source("ports.py", "def place_order(order: ApprovedOrder) -> None: ..."))


def test_an_import_of_venues_elsewhere_is_found() -> None:
    for text in (
        "import fairlead.venues.paper",
        "from fairlead import venues",
        "from fairlead.venues.paper import PaperVenue",
        "module = import_module('fairlead.venues.okx')",
    ):
        assert find_venue_imports(Source("orders/submit.py", text)), text
        assert not find_venue_imports(Source("wiring.py", text)), text
        assert not find_venue_imports(Source("venues/paper.py", text)), text


def test_a_catch_all_elsewhere_is_found() -> None:
    for text in (
        "try: pass\nexcept: pass",
        "try: pass\nexcept Exception: pass",
        "try: pass\nexcept (ValueError, builtins.BaseException) as error: raise ValueError from error",
        "try: pass\nexcept BaseException:\n    if late: return\n    raise",
        "with contextlib.suppress(Exception): pass",
    ):
        assert find_catch_alls(Source("orders/reports.py", text)), text
        assert not find_catch_alls(Source("venues/okx/client.py", text)), text
    for text in ("try: pass\nexcept ValueError: pass", "try: pass\nexcept BaseException:\n    close()\n    raise"):
        assert not find_catch_alls(Source("orders/reports.py", text)), text


def test_a_check_muted_without_a_code_is_found() -> None:
    for comment in ("# type: ignore", "# type:ignore # why", "# noqa", "# noqa because", "# ruff: noqa"):
        assert find_muted_lines(Source("orders/reports.py", f"x = 1  {comment}\n")), comment
    for comment in ("# type: ignore[arg-type]", "# noqa: E501", "# noqa: PLC0415 heavy", "# a quiet comment"):
        assert not find_muted_lines(Source("orders/reports.py", f"x = 1  {comment}\n")), comment


def test_a_clock_or_dice_in_accounts_is_found() -> None:
    for text in ("import time", "from uuid import uuid4", "now = datetime.now(UTC)", "await asyncio.sleep(1)"):
        assert find_clocks_and_dice(Source("accounts/sign_in.py", text)), text
    assert not find_clocks_and_dice(Source("accounts/vault.py", "import secrets\nkey = secrets.token_bytes(32)"))
