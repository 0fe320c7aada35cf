"""What holds for every registered model, whoever wrote it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from built_models import build, jets_for
from toy_jets import boosted, changed, mirrored, permuted, toy_jets, turned, with_kinds

from partonic.core.config import to_tree
from partonic.core.registry import models
from partonic.events import Ragged
from partonic.fit.transfer import Tuned
from partonic.models.checkpoint import Trained, load, save
from partonic.models.dropout import ByteDropout
from partonic.models.ensemble import combine
from partonic.models.inputs import sizes_of
from partonic.objectives.supervised import Supervised
from partonic.represent import REPRESENTATIONS, representation
from partonic.represent.batch import Labelled
from partonic.represent.task import Task

# Largest difference of scores that should be the same, as a share of their spread: of the same numbers in another
# order, and of momenta that were turned, boosted or mirrored, and rounded.
SAME, TRANSFORMED = 2e-5, 1e-3
CHANGES = {
    "permutation": permuted,
    "azimuth": lambda events: turned(events, 2.0),
    "boost": lambda events: boosted(events, 0.6),
    "reflection": lambda events: mirrored(mirrored(events, "pz"), "py"),
}


def assert_same(found, wanted, close=SAME):
    """Scores are the same but for rounding, and differ between jets."""
    spread = np.ptp(wanted)
    assert spread > 1e-4 * np.mean(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=close * spread)


@pytest.fixture(params=models.names())
def trained(request):
    return build(request.param)


def test_registration_says_what_is_needed(trained):
    entry = models.get(trained.name)
    assert entry.paper.startswith("arXiv:")
    assert entry.facts["input"] in REPRESENTATIONS
    assert set(entry.facts.get("invariant", ())) <= {*CHANGES, "lorentz", "soft-collinear"}


@pytest.mark.parametrize("n", [1, 17])
def test_one_finite_logit_a_jet(trained, n):
    logits = trained.module.eval()(representation(trained.input)(jets_for(trained, n)))
    assert logits.shape == (n,)
    assert torch.isfinite(logits).all()


def test_every_parameter_gets_a_gradient(trained):
    parameters = dict(trained.module.named_parameters())
    assert bool(parameters) != bool(models.get(trained.name).facts.get("boosted"))
    if parameters:
        trained.module.train()(representation(trained.input)(jets_for(trained, 64))).square().sum().backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in parameters.values())
        assert [name for name, p in parameters.items() if not p.grad.abs().sum() > 0] == []


def test_taken_up_again_it_learns_with_the_norms_that_it_has(trained):
    if models.get(trained.name).facts.get("boosted"):
        return
    batch = representation(trained.input)(jets_for(trained, 64))
    with torch.no_grad():
        trained.module.train()(batch)  # norms learn what others would not
    for name, values in trained.module.named_buffers():
        if name.endswith("running_var"):
            values.mul_(1.5)
    fixed = trained.module.eval()(batch)
    fixed.square().sum().backward()
    wanted = {name: weight.grad.clone() for name, weight in trained.module.named_parameters()}
    trained.module.zero_grad()
    before = {name: values.clone() for name, values in trained.module.named_buffers()}
    tuned = Tuned(trained.module).train()
    for module in tuned.modules():
        if isinstance(module, ByteDropout | torch.nn.Dropout):
            module.eval()
    outputs = tuned(batch)
    certain = torch.equal(outputs, tuned(batch))  # nothing else is dropped at random
    outputs.square().sum().backward()
    for name, values in trained.module.named_buffers():
        assert torch.equal(values, before[name]), name
    for name, weight in trained.module.named_parameters():
        assert weight.grad is not None, name
        assert 0 < weight.grad.abs().sum() < np.inf, name
        if certain:
            torch.testing.assert_close(
                weight.grad, wanted[name], rtol=1e-3, atol=1e-3 * float(wanted[name].abs().max())
            )
    if certain:
        torch.testing.assert_close(outputs, fixed, rtol=1e-4, atol=1e-5)


def test_several_outputs_from_charges_and_kinds(trained):
    entry = models.get(trained.name)
    if entry.facts.get("boosted"):
        pytest.skip("boosted trees have one output")
    if entry.facts.get("composite"):
        pytest.skip("an ensemble has the inputs and outputs of its members")
    chosen = {} if trained.input == "streams" else {"inputs": "kinds"}  # streams have no smaller set of inputs
    represent = representation(trained.input, **chosen)
    torch.manual_seed(1)
    module = entry.cls(outputs=3, **sizes_of(entry.cls, represent))
    events = with_kinds(toy_jets(64))
    logits = module.train()(represent(events))
    assert logits.shape == (64, 3)
    logits.square().sum().backward()
    assert [name for name, p in module.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    charge = events.collection("constituents")["charge"]
    other = changed(events, charge=(1 - np.abs(charge)).astype(np.int8), pid=np.where(charge == 0, 211, 130))
    with torch.no_grad():
        seen = module.eval()(represent(events)) - module(represent(other))
    assert (seen.abs().amax(dim=1) > 1e-6).all()


def test_a_target_beside_the_class_is_learned_saved_and_loaded(trained, tmp_path):
    entry = models.get(trained.name)
    if entry.facts.get("boosted"):
        pytest.skip("boosted trees have one output")
    events = jets_for(trained, 32)
    events = events.with_columns(number=events.collection("constituents").counts.astype(float))
    task = Task(targets=("number",)).scaled(events)
    member = {"options": {"outputs": task.outputs}, "temperature": 1.0, "task": to_tree(task)}
    pair = {"members": [{"model": name, **member} for name in ("pfn", "dnn")]}
    options = pair if entry.facts.get("composite") else member["options"]
    torch.manual_seed(1)
    module = entry.cls(**options).train()
    label = torch.from_numpy(events.column("label")).float()
    extra = torch.from_numpy(task.standardised(events))
    batch = Labelled(representation(trained.input)(events), label, torch.ones(len(label)), extra)
    Supervised(task)(module, batch).backward()
    gradients = {name: weight.grad for name, weight in module.named_parameters()}
    assert [name for name, grad in gradients.items() if grad is None or not grad.isfinite().all()] == []
    assert all(grad.abs().sum() > 0 for grad in gradients.values())
    two = Trained(trained.name, options, module, trained.input, task=task)
    save(tmp_path / "model.pt", two)
    again, wanted = load(tmp_path / "model.pt").predicted(events), two.predicted(events)
    for name in ("score", "estimated_number"):
        np.testing.assert_array_equal(again[name], wanted[name])
        assert np.ptp(wanted[name]) > 0


def test_a_jet_does_not_know_its_batch(trained):
    events = jets_for(trained, 10)
    whole = trained.scores(events)
    assert_same(trained.scores(events, batch_size=1), whole)
    assert_same(trained.scores(events[::-1]), whole[::-1])


@pytest.mark.parametrize("change", CHANGES)
def test_invariance_where_it_is_claimed(trained, change):
    if change not in models.get(trained.name).facts.get("invariant", ()):
        pytest.skip(f"{trained.name} does not claim to be invariant under this")
    events = jets_for(trained, 40, smallest=5)
    close = SAME if change == "permutation" else TRANSFORMED
    assert_same(trained.scores(CHANGES[change](events)), trained.scores(events), close)


def test_an_ensemble_is_invariant_under_what_all_of_its_members_are():
    members = [build(name) for name in ("efn", "pfn", "lorentznet-light")]
    ensemble, events = combine(members), toy_jets(30, smallest=5)
    shared = set(CHANGES).intersection(*(models.get(one.name).facts["invariant"] for one in members))
    assert shared == {"permutation", "azimuth"}
    for change in shared:
        close = SAME if change == "permutation" else TRANSFORMED
        assert_same(ensemble.scores(CHANGES[change](events)), ensemble.scores(events), close)


def lorentz_matrix(seed):
    """A rotation, a boost of up to 0.9 in any direction, another rotation; (4, 4) on (E, px, py, pz)."""
    rng = np.random.default_rng(seed)
    turn = np.eye(4)
    turn[1:, 1:] = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    rapidity = rng.uniform(0.5, 1.5)
    boost = np.eye(4)
    boost[0, 0] = boost[3, 3] = np.cosh(rapidity)
    boost[0, 3] = boost[3, 0] = np.sinh(rapidity)
    return torch.from_numpy(turn @ boost @ turn.T)


def test_lorentz_invariance_where_it_is_claimed(trained):
    if "lorentz" not in models.get(trained.name).facts.get("invariant", ()):
        pytest.skip(f"{trained.name} does not claim to be invariant under Lorentz transformations")
    module = trained.module.double().eval()
    batch = representation(trained.input)(toy_jets(12, smallest=3))
    batch = replace(batch, p4=batch.p4.double(), features=batch.features.double())
    beams = module.references
    with torch.no_grad():
        before = module(batch)
        for seed in range(3):
            matrix = lorentz_matrix(seed)
            module.references = beams @ matrix.T
            after = module(replace(batch, p4=batch.p4 @ matrix.T))
            torch.testing.assert_close(after, before, rtol=0, atol=1e-9 * float(before.abs().max()))
        module.references = beams
        assert (module(replace(batch, p4=batch.p4 @ matrix.T)) - before).abs().max() > 1e-6
    assert before.std() > 1e-3 * before.abs().mean()


def with_emission(events, soft):
    """Each jet's hardest particle split in two along its direction, or a particle of next to no energy added."""
    constituents = events.collection("constituents")
    hardest = constituents.offsets[:-1]
    extra = {name: values[hardest] * 0.3 for name, values in constituents.fields.items()}
    rest = {name: values.copy() for name, values in constituents.fields.items()}
    if soft:
        axis = {name: 1e-9 * values[hardest] for name, values in constituents.fields.items()}
        turn = 0.3
        extra = axis | {
            "px": np.cos(turn) * axis["px"] - np.sin(turn) * axis["py"],
            "py": np.sin(turn) * axis["px"] + np.cos(turn) * axis["py"],
        }
    else:
        for values in rest.values():
            values[hardest] *= 0.7
    fields = {name: np.insert(rest[name], constituents.offsets[1:], extra[name]) for name in rest}
    return events.with_collections(constituents=Ragged.from_counts(constituents.counts + 1, fields))


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "collinear"])
def test_soft_and_collinear_safety_where_it_is_claimed(trained, soft):
    if "soft-collinear" not in models.get(trained.name).facts.get("invariant", ()):
        pytest.skip(f"{trained.name} does not claim to be safe against soft and collinear radiation")
    module, represent = trained.module.eval(), representation(trained.input)
    events = toy_jets(60, smallest=5)
    with torch.no_grad():
        before, after = module(represent(events)), module(represent(with_emission(events, soft)))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    assert before.std() > 1e-4


def test_saved_and_loaded_it_is_the_same(trained, tmp_path):
    events = jets_for(trained, 40)
    save(tmp_path / "model.pt", trained)
    again = load(tmp_path / "model.pt")
    np.testing.assert_array_equal(again.scores(events), trained.scores(events))
    assert (again.name, again.input) == (trained.name, trained.input)
