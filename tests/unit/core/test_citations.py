"""BibTeX of what a run used."""

import re

import pytest

from partonic.core.citations import ENTRIES, bibtex
from partonic.core.errors import UnknownNameError
from partonic.core.registry import models, recipes


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


@pytest.mark.parametrize("name", [*models.names(), *recipes.names()])
def test_every_model_and_recipe_can_be_cited(name):
    registry = models if name in models.names() else recipes
    paper = registry.find(name).paper
    assert paper.removeprefix("arXiv:") in bibtex([paper])
