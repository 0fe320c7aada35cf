"""bfloat16 scores as single precision and is refused where it is slower; compiled networks give what they gave."""

import numpy as np
import pytest
import torch
from built_models import build
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity
from toy_jets import toy_jets, with_kinds

from partonic.core.errors import InputError, MissingPackageError, UnknownNameError
from partonic.core.registry import models
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.models import precision
from partonic.models.precision import check_precision, compiled_by_torch, computing
from partonic.represent import representation

NETWORKS = [name for name in models.names() if not models.find(name).facts.get("boosted")]
# Of bfloat16 beside float32 after a few steps on the jets that are scored: largest difference of scores, the same as a
# share of their spread, and the cosine between the gradients.
ABSOLUTE, OF_SPREAD, COSINE = 2e-2, 0.1, 0.85


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_trained_in_bfloat16_scores_as_in_single_precision(name):
    trained, events = build(name), with_kinds(toy_jets(40, seed=3))
    events = events[events.collection("constituents").counts < 24]  # the quick ones
    batch, label = representation(trained.input)(events), torch.from_numpy(events.column("label")).float()
    module, weights = trained.module.train(), list(trained.module.parameters())
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.momentum = 0.5
    optimiser = torch.optim.AdamW(weights, 2e-3)

    def gradient(used):
        optimiser.zero_grad()
        with computing(used):
            outputs = module(batch)
        binary_cross_entropy_with_logits(outputs.float(), label).backward()
        return torch.cat([weight.grad.flatten() for weight in weights]).double()

    for _ in range(10):
        assert gradient("bfloat16-emulated").isfinite().all()
        optimiser.step()
    module.eval()  # nothing is dropped
    single, half = (gradient(used) for used in ("float32", "bfloat16-emulated"))
    assert cosine_similarity(single, half, dim=0) > COSINE
    exact, rounded = (trained.scores(events, precision=used) for used in ("float32", "bfloat16-emulated"))
    assert 0 < np.abs(exact - rounded).max() < min(ABSOLUTE, OF_SPREAD * np.ptp(exact))


def test_a_training_in_bfloat16_keeps_its_weights_in_single_precision():
    torch.manual_seed(1)
    seen = []

    def objective(net, batch):
        outputs = net(batch[0])
        seen.append(outputs.dtype)
        return (outputs.float() - batch[1]).square().mean()

    x = torch.randn(64, 4)
    net = nn.Linear(4, 1)
    options = FitOptions(epochs=60, learning_rate=0.1, precision="bfloat16-emulated")
    result = fit(net, objective, [(x, x.sum(dim=1, keepdim=True))], options=options)
    assert set(seen) == {torch.bfloat16}
    assert net.weight.dtype == torch.float32
    assert result.best_loss < 0.05


def test_what_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: False)
    with pytest.raises(InputError, match="no instructions for bfloat16"):
        check_precision("bfloat16")
    options = FitOptions(epochs=1, precision="bfloat16")
    with pytest.raises(InputError, match="no instructions for bfloat16"):
        fit(nn.Linear(1, 1), lambda net, batch: net(batch).sum(), [torch.ones(1, 1)], options=options)
    check_precision("bfloat16-emulated")
    with pytest.raises(UnknownNameError, match="did you mean 'bfloat16'"):
        FitOptions(precision="bf16")


def test_a_missing_compiler_is_said(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"needs a C\+\+ compiler"), compiled_by_torch(nn.Linear(1, 1), True):
        pass


def test_what_is_compiled_goes_back_to_what_it_was(monkeypatch):
    seen = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: seen.append((self, options)))
    net = nn.Linear(1, 1)
    with compiled_by_torch(net, True):
        assert seen == [(net, {"dynamic": True})]
    assert net._compiled_call_impl is None
    with compiled_by_torch(net, False), computing("float32"):
        assert len(seen) == 1
        assert net(torch.ones(1, 1)).dtype == torch.float32
