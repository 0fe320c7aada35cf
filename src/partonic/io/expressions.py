"""Expressions of names as ``abs(jet_eta) < 2 and constituents.e > 0``, computed from arrays; nothing is executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from partonic.core.errors import InputError, nearest
from partonic.events.ragged import Array
from partonic.io.trees import Column, Jagged

LONGEST = 2000  # characters
Value = Column | float | str

_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.Mod: np.mod,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: Mapping[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: np.logical_not}
_ONE: Mapping[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
}
_TWO: Mapping[str, Callable[[Any, Any], Any]] = {"min": np.minimum, "max": np.maximum}
_EACH = ("count", "sum", "min", "max")  # of the items of an event
FUNCTIONS = tuple(dict.fromkeys([*_ONE, *_EACH]))


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Args:
        text: as it was written.
        tree: its syntax.
    """

    text: str
    tree: ast.expr

    def names(self) -> list[str]:
        """The names in it, as ``jet_pt`` and ``constituents.e``."""
        return list(dict.fromkeys(_names(self.tree)))

    def value(self, lookup: Callable[[str], Value]) -> Value:
        """Its value: an array (events,), or lists where a name stands for lists.

        Args:
            lookup: name -> array, lists or number.

        Raises:
            InputError: lists of different lengths, or text and numbers, meet in it.
        """
        try:
            with np.errstate(all="ignore"):
                return _value(self.tree, lookup)
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise InputError(f"'{self.text}': {error}") from error
            raise InputError(f"'{self.text}' cannot be computed ({error})") from error


def parse(text: str) -> Expression:
    """Read an expression of names, numbers, comparisons, arithmetic, ``and``, ``or``, ``not`` and a few functions.

    Raises:
        InputError: it is something else.
    """
    if len(text) > LONGEST:
        raise InputError(f"an expression has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"'{text}' cannot be understood as an expression; write as \"abs(jet_eta) < 2\"") from error
    return Expression(text, tree)


def _check(node: ast.expr, text: str) -> None:
    """Refuse all but the few kinds of nodes that are computed."""
    parts: list[ast.expr]
    if isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        parts = [node.left, node.right]
    elif isinstance(node, ast.Compare) and all(type(op) in _BINARY for op in node.ops):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        parts = [node.operand]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise InputError(f"'{text}': unknown function '{node.func.id}'{nearest(node.func.id, FUNCTIONS)}")
        wanted = (1, 2) if node.func.id in _TWO else (1,)
        if len(node.args) not in wanted:
            raise InputError(f"'{text}': {node.func.id} takes {' or '.join(map(str, wanted))} values")
        parts = node.args
    elif _is_leaf(node):
        parts = []
    else:
        raise InputError(
            f"'{text}': '{ast.unparse(node)[:60]}' is not allowed; there are names, numbers, comparisons, arithmetic, "
            f"and, or, not, and the functions {', '.join(FUNCTIONS)}"
        )
    for part in parts:
        _check(part, text)


def _is_leaf(node: ast.expr) -> bool:
    """A name, as ``x`` or ``jets.pt``, a number or a text."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name)
    return isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and isinstance(node.value, int | float | str))


def _names(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        yield ast.unparse(node)
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from _names(argument)
    else:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from _names(child)


def _value(node: ast.expr, lookup: Callable[[str], Value]) -> Value:
    if isinstance(node, ast.Name | ast.Attribute):
        return lookup(ast.unparse(node))
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float | str)
        return node.value if isinstance(node.value, str) else float(node.value)
    if isinstance(node, ast.UnaryOp):
        return _apply(_UNARY[type(node.op)], _value(node.operand, lookup))
    if isinstance(node, ast.BinOp):
        return _apply(_BINARY[type(node.op)], _value(node.left, lookup), _value(node.right, lookup))
    if isinstance(node, ast.BoolOp):
        joined = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return _reduced(joined, [_value(part, lookup) for part in node.values])
    if isinstance(node, ast.Compare):
        sides = [_value(part, lookup) for part in (node.left, *node.comparators)]
        parts = [_apply(_BINARY[type(op)], a, b) for op, a, b in zip(node.ops, sides[:-1], sides[1:], strict=True)]
        return _reduced(np.logical_and, parts)
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    values = [_value(part, lookup) for part in node.args]
    if len(values) == 2:
        return _apply(_TWO[node.func.id], *values)
    if node.func.id in _EACH:
        return _of_event(node.func.id, values[0])
    return _apply(_ONE[node.func.id], values[0])


def _reduced(function: Callable[[Any, Any], Any], values: list[Value]) -> Value:
    found = values[0]
    for value in values[1:]:
        found = _apply(function, found, value)
    return found


def _apply(function: Callable[..., Any], *values: Value) -> Value:
    """A function of arrays or lists; an array meets each item of its event."""
    lists = [value for value in values if isinstance(value, Jagged)]
    if not lists:
        return _plain(function(*(_number(value) for value in values)))
    first = lists[0]
    if any(not np.array_equal(first.offsets, other.offsets) for other in lists[1:]):
        raise InputError("lists of different lengths meet")
    counts = np.diff(first.offsets)
    flat: list[Any] = []
    for value in values:
        if isinstance(value, Jagged):
            flat.append(_number(value.values))
        elif isinstance(value, np.ndarray):
            flat.append(np.repeat(_number(value), counts, axis=0))
        else:
            flat.append(value)
    return Jagged(first.offsets, np.asarray(function(*flat)))


def _plain(value: Any) -> Value:
    return value if isinstance(value, np.ndarray | str) else float(value)


def _number(value: Any) -> Any:
    """Integers in double precision, so that nothing overflows and differences may be negative."""
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind in "iu" else value


def _of_event(name: str, value: Value) -> Array:
    """Number, sum, least or largest of the items of each event, (events,); NaN of none."""
    if not isinstance(value, Jagged):
        raise InputError(f"{name} of one value takes a collection, as {name}(jets.pt)")
    counts = np.diff(value.offsets)
    if name == "count":
        return counts.astype(np.float64)
    rows = np.repeat(np.arange(len(counts)), counts)
    if name == "sum":
        return np.bincount(rows, value.values.astype(np.float64), len(counts))
    found = np.full(len(counts), np.inf if name == "min" else -np.inf)
    (np.minimum if name == "min" else np.maximum).at(found, rows, value.values.astype(np.float64))
    return np.where(counts > 0, found, np.nan)
