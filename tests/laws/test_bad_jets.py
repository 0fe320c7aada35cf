"""What every registered model makes of jets that are odd, and what it says to those that are bad."""

import numpy as np
import pytest
import torch
from built_models import build, jets_for
from toy_jets import changed, from_cylinder, toy_jets, with_kinds

from partonic.core.errors import BadJetError, FileError, InputError
from partonic.core.registry import models
from partonic.events import Events, Ragged, concatenate
from partonic.models.checkpoint import Trained, load, save
from partonic.models.inputs import sizes_of
from partonic.represent import representation

NAN, INF = float("nan"), float("inf")


@pytest.fixture(params=models.names())
def trained(request):
    return build(request.param)


def alone(pt, eta, phi):
    """One jet."""
    pt, eta, phi = (np.asarray(values, dtype=float) for values in (pt, eta, phi))
    return from_cylinder([len(pt)], pt, eta, phi, [0])


def odd_jets():
    """Name -> a jet that is unusual but no nonsense."""
    rng = np.random.default_rng(5)
    many = rng.exponential(9.0, 150) + 0.01
    heavy = changed(alone([50, 60], [0.1, 0.4], [0.2, -0.1]), e=np.array([2e3, 3e3]))
    below = alone([50, 60, 5], [0.1, 0.4, 0.2], [0.2, -0.1, 0.0])
    return {
        "one constituent": alone([100], [0.3], [1.0]),
        "one soft constituent": alone([1e-3], [0.3], [1.0]),
        "two constituents": alone([100, 30], [0.3, 0.5], [1.0, 1.1]),
        "a constituent twice": alone([60, 60], [0.3, 0.3], [1.0, 1.0]),
        "all constituents equal": alone([20] * 30, [-0.3] * 30, [3.1] * 30),
        "collinear constituents": alone([60, 20, 3, 1], [0.3] * 4, [1.0] * 4),
        "150 constituents": alone(many, rng.normal(0.2, 0.2, 150), rng.normal(0, 0.2, 150)),
        "constituents at rest": heavy,
        "energies a hair below the momenta": changed(below, e=below.collection("constituents")["e"] * (1 - 1e-6)),
        "fifty TeV": alone([2.5e4, 2.5e4], [0.3, 0.4], [1.0, 1.1]),
        "far forward": alone([3, 2, 1], [4.8, 4.9, 4.7], [1.0, 1.1, 0.9]),
    }


def mixed(trained):
    """Ordinary jets with every odd one among them, and the rows of these."""
    odd = concatenate(list(odd_jets().values()))
    both = concatenate([toy_jets(6), odd, toy_jets(7, seed=2)])
    single = {name: v.astype(np.float32) for name, v in both.collection("constituents").fields.items()}
    both = changed(both, **single)
    return (with_kinds(both) if trained.input == "streams" else both), range(6, 6 + len(odd))


def test_odd_jets_have_a_score_of_their_own(trained):
    events, odd = mixed(trained)
    scores = trained.scores(events)
    assert scores.shape == (len(events),)
    assert np.all((scores >= 0) & (scores <= 1))
    for row in odd:  # what stands beside it does not matter
        assert trained.scores(events[row : row + 1])[0] == pytest.approx(scores[row], rel=1e-3, abs=1e-5)


def test_odd_jets_do_not_spoil_a_training(trained):
    if models.get(trained.name).facts.get("boosted"):
        pytest.skip("boosted trees have no gradient")
    events, _ = mixed(trained)
    module = trained.module.train()
    module(representation(trained.input)(events)).square().mean().backward()
    assert [name for name, p in module.named_parameters() if not torch.isfinite(p.grad).all()] == []


BAD = {
    "not a number": ({"px": NAN}, "row 3: (its jet 0: )?its constituent 1 has .*nan"),
    "infinite": ({"e": INF}, "row 3: (its jet 0: )?its constituent 1 has .*inf"),
    "no energy": ({"e": 0.0}, r"row 3: (its jet 0: )?its constituent 1 has .*, 0\) GeV"),
    "negative energy": ({"e": -5.0}, r"row 3: (its jet 0: )?its constituent 1 has .*, -5\) GeV"),
    "along the beam": ({"px": 0.0, "py": 0.0}, r"row 3: (its jet 0: )?its constituent 1 has .*\(0, 0, "),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_constituents_are_named(trained, kind):
    changes, said = BAD[kind]
    events = jets_for(trained, 6, smallest=3)
    c = events.collection("constituents")
    fields = {}
    for name, value in changes.items():
        fields[name] = c[name].copy()
        fields[name][c.offsets[3] + 1] = value
    with pytest.raises(BadJetError, match=said):
        trained.scores(changed(events, **fields), batch_size=2)


def test_a_jet_without_constituents_is_named(trained):
    events = jets_for(trained, 6, smallest=3)
    counts = events.collection("constituents").counts.copy()
    c = events.collection("constituents")
    kept = {name: np.delete(values, np.s_[c.offsets[4] : c.offsets[5]]) for name, values in c.fields.items()}
    counts[4] = 0
    with pytest.raises(BadJetError, match=r"row 4: (its jet 0: )?it has no constituent; a jet needs at least one"):
        trained.scores(events.with_collections(constituents=Ragged.from_counts(counts, kept)), batch_size=2)


def test_a_sample_without_jets_is_refused_and_an_empty_one_has_no_scores(trained):
    with pytest.raises(KeyError, match=r"unknown collection '(constituents|jets)'"):
        trained.scores(Events({"label": np.zeros(3)}))
    assert trained.scores(jets_for(trained, 4)[:0]).shape == (0,)


def test_inputs_that_the_sample_lacks_are_named(trained):
    entry = models.get(trained.name)
    known = getattr(representation(trained.input), "inputs", None)
    if known is None and trained.input != "streams":
        pytest.skip("there are no kinds among its inputs")
    represent = representation(trained.input, **({} if trained.input == "streams" else {"inputs": "kinds"}))
    with pytest.raises(InputError, match=r"the inputs '?.*'? need .*(charge|pid).* of each constituent"):
        represent(toy_jets(5))
    if not entry.facts.get("boosted"):
        module = entry.cls(**sizes_of(entry.cls, represent)).eval()
        assert torch.isfinite(module(represent(with_kinds(toy_jets(5))))).all()


def rewritten(path, **changes):
    """The checkpoint with parts of its tree replaced."""
    torch.save(torch.load(path, weights_only=True) | changes, path)
    return path


def test_checkpoints_of_other_models_versions_and_classes_are_refused(trained, tmp_path):
    path = tmp_path / "model.pt"
    save(path, trained)
    other = "pfn" if trained.name != "pfn" else "efn"
    with pytest.raises(FileError, match=f"does not fit the model '{other}'"):
        load(rewritten(path, model=other))
    with pytest.raises(FileError, match="unknown model 'particle-net-5'"):
        load(rewritten(path, model="particle-net-5"))
    with pytest.raises(FileError, match="has format version 99, this partonic reads up to"):
        load(rewritten(path, model=trained.name, version=99))
    save(path, trained)
    three = {"classes": ["qcd", "w", "top"], "targets": [], "scales": []}
    with pytest.raises(FileError, match="3 classes"):
        load(rewritten(path, task=three))


def test_a_checkpoint_of_another_number_of_classes_is_refused(trained, tmp_path):
    entry = models.get(trained.name)
    if entry.facts.get("boosted") or entry.facts.get("composite"):
        pytest.skip("it has no option for that")
    save(tmp_path / "m.pt", Trained(trained.name, {}, entry.cls(outputs=3), trained.input))
    with pytest.raises(FileError, match=f"m.pt does not fit the model '{trained.name}'"):
        load(tmp_path / "m.pt")
