"""Every registered model as its law tests take it."""

import functools

import pytest
import torch
from toy_jets import toy_jets, with_kinds

from partonic.core.errors import MissingPackageError
from partonic.core.registry import models
from partonic.models.checkpoint import Trained
from partonic.models.trees import TreeOptions, train_trees
from partonic.represent import representation


def jets_for(trained, n, **options):
    """Toy jets; they have charges and impact parameters where a representation cannot do without."""
    events = toy_jets(n, **options)
    return with_kinds(events) if trained.input == "streams" else events


@functools.cache
def trees():
    """Grown once: they have no state that a test could change."""
    events = toy_jets(300, seed=7)
    values = representation("features")(events).values.numpy()
    return train_trees(values, events.column("label"), options=TreeOptions(trees=20))


def build(name):
    """A model of default options as training would start it; trees, which have no such thing, are grown on toys.

    Models of packages that are not installed skip the test.
    """
    torch.manual_seed(1)
    try:
        entry = models.get(name)
        if name == "trees":
            return Trained(name, trees().options, trees(), entry.facts["input"])
        return Trained(name, {}, entry.cls(), entry.facts["input"])
    except MissingPackageError as error:
        pytest.skip(str(error))
