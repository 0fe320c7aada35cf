"""Configuration trees: every wrong key, type and file is named in one sentence."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from partonic.core.config import from_tree, merge, read_yaml, to_tree, write_yaml
from partonic.core.errors import FileError, InputError, UnknownNameError


@dataclass(frozen=True)
class Inner:
    rate: float = 1e-3


@dataclass(frozen=True)
class Options:
    jets: int = 10
    models: tuple[str, ...] = ("a", "b")
    window: Literal["fast", "faithful"] = "fast"
    data: Path | None = None
    share: float = 0.5
    verbose: bool = False
    pair: tuple[int, int] = (1, 2)
    inner: Inner = field(default_factory=Inner)


def test_round_trip_through_yaml(tmp_path):
    given = Options(jets=3, models=("x",), window="faithful", data=Path("a/b.h5"), inner=Inner(0.1))
    write_yaml(tmp_path / "c.yaml", to_tree(given))
    assert from_tree(Options, read_yaml(tmp_path / "c.yaml")) == given


def test_absent_keys_keep_their_defaults():
    assert from_tree(Options, {"jets": 5}) == Options(jets=5)


@pytest.mark.parametrize(
    ("tree", "error", "words"),
    [
        ({"jet": 5}, UnknownNameError, ["'jet'", "did you mean 'jets'", "here.yaml"]),
        ({"jets": "many"}, InputError, ["'jets'", "whole number", "'many'"]),
        ({"jets": 1.5}, InputError, ["'jets'", "whole number", "1.5"]),
        ({"jets": True}, InputError, ["'jets'", "whole number"]),
        ({"jets": None}, InputError, ["'jets'", "nothing"]),
        ({"window": "fats"}, InputError, ["'window'", "did you mean 'fast'"]),
        ({"models": "pfn"}, InputError, ["'models'", "a list"]),
        ({"models": [1]}, InputError, ["'models'", "text"]),
        ({"pair": [1, 2, 3]}, InputError, ["'pair'", "2 values"]),
        ({"share": "half"}, InputError, ["'share'", "a number"]),
        ({"verbose": "yes"}, InputError, ["'verbose'", "true or false"]),
        ({"inner": {"rat": 1}}, UnknownNameError, ["'rat'", "did you mean 'rate'", "'inner'"]),
        ([1, 2], InputError, ["mapping"]),
    ],
)
def test_wrong_values_are_named(tree, error, words):
    with pytest.raises(error) as caught:
        from_tree(Options, tree, "here.yaml")
    for word in words:
        assert word in str(caught.value)


def test_a_whole_number_is_a_number_and_null_is_none():
    options = from_tree(Options, {"share": 1, "data": None})
    assert options.share == 1.0
    assert isinstance(options.share, float)
    assert options.data is None


def test_merge_checks_what_changes():
    assert merge(Options(jets=3), {"share": 0.1}) == Options(jets=3, share=0.1)
    with pytest.raises(UnknownNameError, match="sharee"):
        merge(Options(), {"sharee": 0.1})


def test_yaml_cannot_run_code(tmp_path):
    marker = tmp_path / "owned"
    file = tmp_path / "evil.yaml"
    file.write_text(
        f"jets: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{marker}']]\n"
    )
    with pytest.raises(FileError, match="plain YAML"):
        read_yaml(file)
    assert not marker.exists()


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\x00"])
def test_broken_yaml_is_one_sentence(tmp_path, text):
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(FileError) as caught:
        read_yaml(file)
    assert "\n" not in str(caught.value)
