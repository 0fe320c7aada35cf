"""Compiled by torch models give the scores and gradients that they gave; as traced graphs, without their C++ code."""

import copy

import numpy as np
import pytest
import torch
from built_models import build, jets_for
from torch import nn

from partonic.core.errors import MissingPackageError
from partonic.core.registry import models
from partonic.models import precision
from partonic.models.precision import compiled_by_torch
from partonic.represent import representation


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


@pytest.fixture
def traced(monkeypatch):
    """What is compiled inside is traced and run as it is."""
    compile_ = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compile_(self, backend="eager", **options))
    monkeypatch.setattr(precision, "check_compiler", lambda: None)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


@pytest.mark.parametrize("name", ["pfn", "particlenet-lite", "part-light", "lorentznet-light", "pelican-1k"])
def test_gradients_stay(name, traced):
    trained = build(name)
    for part in trained.module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    events = jets_for(trained, 9)
    batch = representation(trained.input)(events)
    found = []
    for compiled in (True, False):
        module = copy.deepcopy(trained.module).train()
        with compiled_by_torch(module, compile=compiled):
            module(batch).square().sum().backward()
        found.append({name: weight.grad for name, weight in module.named_parameters()})
    for name, wanted in found[1].items():
        largest = float(wanted.abs().max())
        torch.testing.assert_close(found[0][name], wanted, rtol=0, atol=1e-4 * largest + 1e-7, msg=name)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_scores_stay(name, traced):
    trained = build(name)
    events = jets_for(trained, 9)
    with compiled_by_torch(trained.module, compile=True):
        found = trained.scores(events, batch_size=5)  # first, as kernels are made on the way
    wanted = trained.scores(events)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.ptp(wanted))
    assert models.get(name).facts.get("boosted") or torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
