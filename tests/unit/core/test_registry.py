"""Registries: listing imports nothing, choosing imports one file, anyone's file can join."""

import ast
import importlib.metadata
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_type_hints

import pytest

import partonic
from partonic.core.errors import FileError, InputError, MissingPackageError, UnknownNameError
from partonic.core.registry import Registry


def run(code):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


PACKAGE = """
from partonic.core.registry import Registry
registry = Registry("animal", __name__)
register_animal = registry.register
"""
MEMBER = """
from zoo_of_tests import register_animal
@register_animal("{title}", paper="arXiv:1", legs=4)
class Animal:
    pass
"""


@pytest.fixture
def animals(tmp_path, monkeypatch):
    """A package of two registered classes and a file that registers none; its files say when they are imported."""
    folder = tmp_path / "zoo_of_tests"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    for name, title in (("red_fox", "red-fox"), ("owl", "owl")):
        (folder / f"{name}.py").write_text(MEMBER.format(title=title))
    (folder / "tools.py").write_text("raise RuntimeError('not to be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    import zoo_of_tests

    yield zoo_of_tests.registry
    for name in [name for name in sys.modules if name.startswith("zoo_of_tests")]:
        del sys.modules[name]


def test_listing_reads_names_without_importing(animals):
    assert animals.names() == ["owl", "red-fox"]
    assert "zoo_of_tests.owl" not in sys.modules


def test_files_in_folders_of_the_package_are_found(animals):
    folder = Path(sys.modules["zoo_of_tests"].__file__).parent / "birds"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "nest.py").write_text(MEMBER.format(title="great-tit"))
    assert animals.names() == ["great-tit", "owl", "red-fox"]
    assert animals.get("great-tit").cls.__module__ == "zoo_of_tests.birds.nest"


def test_choosing_what_needs_a_missing_package_says_how_to_install_it(animals):
    animals.register("unicorn", needs=("no_such_package", "fables"))(type("Unicorn", (), {}))
    animals.register("camel", needs=("json", "deserts"))(type("Camel", (), {}))
    with pytest.raises(MissingPackageError, match=r"'no_such_package'.*pip install 'partonic\[fables\]'"):
        animals.get("unicorn")
    assert animals.find("unicorn").facts["needs"] == ("no_such_package", "fables")
    assert animals.get("camel").name == "camel"


def test_choosing_imports_one_file_only(animals):
    entry = animals.get("red-fox")
    assert (entry.name, entry.paper, entry.facts) == ("red-fox", "arXiv:1", {"legs": 4})
    assert entry.cls.__module__ == "zoo_of_tests.red_fox"
    assert "zoo_of_tests.owl" not in sys.modules


def test_an_unknown_name_gets_the_nearest(animals):
    with pytest.raises(UnknownNameError, match="unknown animal 'redfox'; did you mean 'red-fox'"):
        animals.get("redfox")


def test_the_real_registries_list_without_torch():
    out = run(
        """
        import sys
        from partonic.core.registry import models, recipes
        print(*models.names(), *recipes.names())
        print(sorted({"torch", "matplotlib", "awkward", "sklearn", "numba"} & set(sys.modules)))
        """
    )
    names, heavy = out.splitlines()
    assert heavy == "[]"
    assert {"pfn", "top-tagging"} <= set(names.split())


def test_every_listed_name_can_be_chosen_and_is_its_files_name():
    out = run(
        """
        from partonic.core.registry import models, recipes
        for registry in (models, recipes):
            for name in registry.names():
                entry = registry.find(name)
                assert entry.cls.__module__.rpartition(".")[2].replace("_", "-") == name == entry.name, name
        print("done")
        """
    )
    assert out == "done"


MINE = """
from __future__ import annotations

from dataclasses import dataclass

from partonic.core.registry import register_recipe

@register_recipe("{name}", paper="arXiv:2")
@dataclass(frozen=True)
class Mine:
    jets: int = {jets}
"""


@pytest.fixture
def recipes(monkeypatch):
    """A registry of recipes that forgets what the test adds."""
    registry = Registry("recipe", "partonic.recipes")
    monkeypatch.setattr("partonic.core.registry.register_recipe", registry.register)
    return registry


def test_names_are_written_out_where_they_are_registered():
    """The listing reads them from the text: a name that stands in a variable would not be found."""
    for file in Path(partonic.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            for call in getattr(node, "decorator_list", []):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "").startswith("register_"):
                    assert isinstance(call.args[0], ast.Constant), f"{file.name} registers a name in a variable"


def test_a_file_of_ones_own_is_loaded(tmp_path, recipes):
    (tmp_path / "my_recipe.py").write_text(MINE.format(name="mine", jets=10))
    entry = recipes.load_file(tmp_path / "my_recipe.py")
    assert (entry.name, entry.cls.__name__, entry.paper) == ("mine", "Mine", "arXiv:2")
    assert recipes.get("mine") is entry
    assert "mine" in recipes.names()
    assert get_type_hints(entry.cls) == {"jets": int}, "a configuration can be read into it"


def test_a_file_is_loaded_anew_and_may_replace_a_known_name(tmp_path, recipes):
    for jets in (10, 20):
        (tmp_path / f"my_recipe_{jets}.py").write_text(MINE.format(name="mine", jets=jets))
        assert recipes.load_file(str(tmp_path / f"my_recipe_{jets}.py")).cls().jets == jets
    assert recipes.load_file(tmp_path / "my_recipe_10.py").cls().jets == 10
    (tmp_path / "theirs.py").write_text(MINE.format(name="top-tagging", jets=30))
    assert recipes.load_file(tmp_path / "theirs.py").name == "top-tagging"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = (", r"SyntaxError: .*line 1"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_run_is_named(tmp_path, recipes, code, said):
    (tmp_path / "broken.py").write_text(code + "\n")
    with pytest.raises(InputError, match=rf"broken\.py cannot be loaded: {said}"):
        recipes.load_file(tmp_path / "broken.py")


def test_a_file_that_registers_nothing_or_is_missing(tmp_path, recipes):
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(InputError, match=r"empty\.py registers no recipe; mark its class with @register_recipe"):
        recipes.load_file(tmp_path / "empty.py")
    with pytest.raises(FileError, match=r"no Python file .*gone\.py"):
        recipes.load_file(tmp_path / "gone.py")


def test_entry_points_of_third_parties_join(monkeypatch):
    registry = Registry("model", "partonic.models")

    class Point:
        name = "theirs"

        def load(self):
            registry.register("theirs")(Point)

    def points(group):
        return [Point()] if group == "partonic.models" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", points)
    assert "theirs" in registry.names()
    assert registry.get("theirs").cls is Point
