"""BibTeX of what a run used."""

import re

import pytest

from partonic.core.citations import ENTRIES, bibtex
from partonic.core.errors import UnknownNameError
from partonic.core.registry import models, recipes, simulators


def test_entries_come_once_and_in_order():
    text = bibtex(["arXiv:1810.05165", "partonic", "arXiv:1810.05165"])
    assert re.findall(r"@\w+\{([^,]+),", text) == ["Komiske:2018cqr", "partonic"]


@pytest.mark.parametrize("key", ENTRIES)
def test_every_entry_is_balanced_and_names_its_paper(key):
    entry = ENTRIES[key]
    assert entry.count("{") == entry.count("}")
    assert re.match(r"@\w+\{[^,\s]+,\n", entry)
    assert entry.endswith("}\n")
    if key.startswith("arXiv:"):
        assert f"eprint = {{{key.removeprefix('arXiv:')}}}" in entry


def test_keys_are_unique_in_the_bibliography():
    keys = re.findall(r"@\w+\{([^,]+),", bibtex(ENTRIES))
    assert len(keys) == len(set(keys)) == len(ENTRIES)


def test_an_unknown_key_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown citation 'arXiv:1810.05166'; did you mean"):
        bibtex(["arXiv:1810.05166"])


NAMES = [(registry, name) for registry in (models, recipes, simulators) for name in registry.names()]


@pytest.mark.parametrize(("registry", "name"), NAMES, ids=[name for _, name in NAMES])
def test_every_model_recipe_and_simulator_can_be_cited(registry, name):
    paper = registry.find(name).paper or "partonic"
    assert paper.removeprefix("arXiv:") in bibtex([paper])
