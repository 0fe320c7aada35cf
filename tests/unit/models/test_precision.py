"""bfloat16 agrees to a hundredth and is refused where it is slower; compiled networks give what they gave."""

import numpy as np
import pytest
import torch
from torch import nn
from toy_jets import toy_jets

from partonic.core.errors import InputError, MissingPackageError, UnknownNameError
from partonic.core.registry import models
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.models import precision
from partonic.models.checkpoint import Trained
from partonic.models.precision import check_precision, compiled_by_torch, computing


@pytest.mark.parametrize("name", ["cnn", "pfn", "particlenet-lite", "part-light", "pelican-1k", "lorentznet-light"])
def test_scores_agree_to_a_hundredth(name):
    torch.manual_seed(1)
    entry = models.get(name)
    trained = Trained(name, {}, entry.cls(), entry.facts["input"])
    events = toy_jets(40)
    exact, rounded = (trained.scores(events, precision=one) for one in ("float32", "bfloat16-emulated"))
    assert 0 < np.abs(exact - rounded).max() < 1e-2


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
