"""The size law: what does not fit one screen has two jobs. There is no list of exceptions."""

from __future__ import annotations

import ast

from tests.architecture.source_tree import FunctionNode, Source, describe, read_sources

FUNCTION_LINES_MAX = 50
FILE_LINES_MAX = 400
PARAMETERS_MAX = 6
METHODS_MAX = 20


def find_long_files(source: Source) -> list[str]:
    lines = len(source.text.splitlines())
    return [f"{source.path}: {lines} lines, at most {FILE_LINES_MAX}"] if lines > FILE_LINES_MAX else []


def find_long_functions(source: Source) -> list[str]:
    return [
        f"{source.where(node)} {node.name}: {lines} lines, at most {FUNCTION_LINES_MAX}"
        for node in ast.walk(source.tree)
        if isinstance(node, FunctionNode) and (lines := count_lines(node)) > FUNCTION_LINES_MAX
    ]


def find_crowded_parameters(source: Source) -> list[str]:
    return [
        f"{source.where(node)} {node.name}: {count} parameters, at most {PARAMETERS_MAX}"
        for node in ast.walk(source.tree)
        if isinstance(node, FunctionNode) and (count := count_parameters(node)) > PARAMETERS_MAX
    ]


def find_crowded_classes(source: Source) -> list[str]:
    return [
        f"{source.where(node)} {node.name}: {count} methods, at most {METHODS_MAX}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        and (count := sum(isinstance(member, FunctionNode) for member in node.body)) > METHODS_MAX
    ]


def count_lines(function: FunctionNode) -> int:
    """From the def line to the end, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def count_parameters(function: FunctionNode) -> int:
    """Everything a caller may pass, without self and cls."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
    return sum(argument.arg not in {"self", "cls"} for argument in named) + len(starred)


def test_no_file_is_longer_than_400_lines() -> None:
    violations = [violation for source in read_sources() for violation in find_long_files(source)]
    assert not violations, describe(violations)


def test_no_function_is_longer_than_50_lines() -> None:
    violations = [violation for source in read_sources() for violation in find_long_functions(source)]
    assert not violations, describe(violations)


def test_no_function_takes_more_than_6_parameters() -> None:
    violations = [violation for source in read_sources() for violation in find_crowded_parameters(source)]
    assert not violations, describe(violations)


def test_no_class_has_more_than_20_methods() -> None:
    violations = [violation for source in read_sources() for violation in find_crowded_classes(source)]
    assert not violations, describe(violations)


def test_a_file_of_401_lines_is_found() -> None:
    assert find_long_files(Source("long.py", "x = 1\n" * 401)) == ["long.py: 401 lines, at most 400"]
    assert not find_long_files(Source("long.py", "x = 1\n" * 400))


def test_a_function_of_51_lines_is_found_and_its_docstring_is_free() -> None:
    fits = 'async def walk() -> None:\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * 49
    assert not find_long_functions(Source("long.py", fits))
    assert find_long_functions(Source("long.py", fits + "    x = 1\n")) == ["long.py:1 walk: 51 lines, at most 50"]


def test_a_seventh_parameter_is_found_and_self_is_free() -> None:
    fits = "class Desk:\n    def place(self, a, b, /, c, *, d, e, **f): ...\n"
    assert not find_crowded_parameters(Source("desk.py", fits))
    crowded = fits.replace("d, e", "*d, e, g").replace("*, *d", "*d")
    assert find_crowded_parameters(Source("desk.py", crowded)) == ["desk.py:2 place: 7 parameters, at most 6"]


def test_a_class_of_21_methods_is_found() -> None:
    methods = "".join(f"    def method_{number}(self): ...\n" for number in range(21))
    assert find_crowded_classes(Source("desk.py", "class Desk:\n" + methods)) == [
        "desk.py:1 Desk: 21 methods, at most 20"
    ]
