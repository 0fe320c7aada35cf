"""Configuration: a frozen dataclass is the schema, YAML the same tree, and every wrong key or type is named."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from partonic.core.errors import FileError, InputError, nearest, unknown
from partonic.core.files import check_readable, write_text

C = TypeVar("C")


def to_tree(config: Any) -> dict[str, Any]:
    """Plain data of a configuration dataclass, as YAML and JSON can hold it."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_tree(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def from_tree(cls: type[C], tree: Any, where: str = "the configuration") -> C:
    """Build a configuration dataclass from plain data.

    Args:
        cls: the dataclass; its annotations are the schema.
        tree: mapping of keys to values; keys that are absent keep their defaults.
        where: named in errors, as ``"config.yaml"``.

    Raises:
        UnknownNameError: a key does not exist.
        InputError: a value is of the wrong type, or the dataclass refuses it.
    """
    if not isinstance(tree, dict):
        raise InputError(f"{where} must be a mapping of keys to values, not {_say(tree)}")
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    values = {}
    for key, value in tree.items():
        if key not in names:
            raise unknown(f"key in {where}:", str(key), names)
        values[key] = _cast(hints[key], value, f"{where}: '{key}'")
    return cls(**values)


def merge(config: C, changes: dict[str, Any], where: str = "the options") -> C:
    """A configuration with some values replaced, checked as :func:`from_tree` does."""
    return from_tree(type(config), {**to_tree(config), **changes}, where)


def read_yaml(path: Path | str) -> Any:
    """Read a YAML file; it can hold data only, never code.

    Raises:
        FileError: it is missing, unreadable, empty, or not (safe) YAML.
    """
    import yaml

    file = check_readable(path)
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        sentence = " ".join(str(error).split())
        raise FileError(f"{file} is not plain YAML: {sentence}") from error


def write_yaml(path: Path | str, tree: Any) -> None:
    """Write plain data as YAML, whole or not at all."""
    import yaml

    write_text(path, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def _say(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})" if value is not None else "nothing"


def _cast(hint: Any, value: Any, where: str) -> Any:
    """The value as the annotated type, or an error that names the key."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _cast_union(args, value, where)
    if origin is Literal:
        if value not in args:
            choices = [str(arg) for arg in args]
            raise InputError(f"{where} cannot be {_say(value)}{nearest(str(value), choices)}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{where} must be a list, not {_say(value)}")
        inner = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
        if len(inner) != len(value):
            raise InputError(f"{where} must be a list of {len(inner)} values, not of {len(value)}")
        return tuple(_cast(a, v, where) for a, v in zip(inner, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where} must be a mapping of names, not {_say(value)}")
        return {_cast(args[0], k, where): _cast(args[1], v, f"{where}: '{k}'") for k, v in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else from_tree(hint, value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        wanted = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}
        raise InputError(f"{where} must be {wanted.get(hint, hint.__name__)}, not {_say(value)}")
    return value


def _cast_union(args: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in args:
        return None
    options = [arg for arg in args if arg is not type(None)]
    for option in options[:-1]:
        try:
            return _cast(option, value, where)
        except InputError:
            continue
    return _cast(options[-1], value, where)
