"""Reads rules from a file or a request: JSON, TOML or YAML; whatever is unknown in it is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from fairlead.simulator.okx.faults.plan import RULES_MAX, PlanError
from fairlead.simulator.okx.faults.rules import FaultRule

FILE_BYTES_MAX: Final = 1_048_576


class FaultFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list of rules under the name ``faults``."""

    faults: tuple[FaultRule, ...]


def read_rule(text: bytes) -> FaultRule:
    """Read one rule, in JSON.

    Raises:
        PlanError: it is no rule; says where and why.
    """
    try:
        return msgspec.json.decode(text, type=FaultRule)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanError(str(error)) from None


def read_rules_file(file: Path) -> tuple[FaultRule, ...]:
    """Read ``faults.yaml``, ``faults.toml`` or ``faults.json``; the ending of the name says which it is.

    Raises:
        PlanError: it is none of them, or one of its rules cannot be taken.
        OSError: it cannot be read.
    """
    if file.stat().st_size > FILE_BYTES_MAX:
        message = f"{file} has more than {FILE_BYTES_MAX} bytes"
        raise PlanError(message)
    content = file.read_bytes()
    try:
        match file.suffix.lower():
            case ".json":
                rules = msgspec.json.decode(content, type=FaultFile).faults
            case ".toml":
                rules = msgspec.toml.decode(content, type=FaultFile).faults
            case ".yaml" | ".yml":
                rules = msgspec.yaml.decode(content, type=FaultFile).faults
            case _:
                message = f"{file}: expected a name that ends in .yaml, .toml or .json"
                raise PlanError(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{file}: {error}"
        raise PlanError(message) from None
    _check_ids(file, rules)
    return rules


def _check_ids(file: Path, rules: tuple[FaultRule, ...]) -> None:
    ids = [rule.id for rule in rules]
    for rule_id in ids:
        if ids.count(rule_id) > 1:
            message = f"{file}: two rules have the id {rule_id!r}"
            raise PlanError(message)
    if len(ids) > RULES_MAX:
        message = f"{file}: {len(ids)} rules, at most {RULES_MAX}"
        raise PlanError(message)
