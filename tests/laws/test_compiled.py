"""Compiled by torch every registered model gives the scores that it gave; as traced graphs, without their C++ code."""

import numpy as np
import pytest
import torch
from built_models import build, jets_for
from torch import nn

from partonic.core.errors import MissingPackageError
from partonic.core.registry import models
from partonic.models import precision
from partonic.models.precision import compiled_by_torch


def classes():
    """Of all models that can be had here."""
    found = {}
    for name in models.names():
        try:
            found[name] = models.get(name).cls
        except MissingPackageError:
            continue
    return found


# Of an architecture in several sizes, which are subclasses, one tells.
NAMES = [
    name
    for name, cls in classes().items()
    if not any(issubclass(other, cls) for other in {*classes().values()} - {cls})
]


@pytest.mark.parametrize("name", NAMES)
def test_scores_stay(name, monkeypatch):
    compile_ = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compile_(self, backend="eager", **options))
    monkeypatch.setattr(precision, "check_compiler", lambda: None)
    trained = build(name)
    events = jets_for(trained, 9)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with compiled_by_torch(trained.module, compile=True):
        found = trained.scores(events, batch_size=5)  # first, as kernels are made on the way
    wanted = trained.scores(events)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.ptp(wanted))
    assert models.get(name).facts.get("boosted") or torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
