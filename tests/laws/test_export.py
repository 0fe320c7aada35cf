"""What holds for every registered model as ONNX: the logits of the model for any numbers of jets and of empty slots."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from toy_jets import from_cylinder

from partonic.core.errors import InputError, MissingPackageError
from partonic.core.registry import models
from partonic.events import Events, Ragged
from partonic.models.checkpoint import Trained
from partonic.models.export import graph_of
from partonic.models.trees import TreeOptions, train_trees
from partonic.represent import representation

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from partonic.models.dense.graph import arrays, runner

CLAIMED = [
    "cnn",
    "deeptop",
    "dnn",
    "efn",
    "gru",
    "gru-light",
    "lbn",
    "lbn-light",
    "lgatr-slim",
    "lgatr-slim-large",
    "lola",
    "lola-light",
    "lorentznet",
    "lorentznet-light",
    "lstm",
    "lstm-light",
    "part",
    "part-light",
    "particlenet",
    "particlenet-lite",
    "pcnn",
    "pcnn-light",
    "pelican",
    "pelican-1k",
    "pfn",
    "resnet",
    "resnext",
    "trees",
]
CLOSE = 1e-5


def jets(counts, seed=5):
    """Jets of so many particles, charges and kinds at random."""
    rng = np.random.default_rng(seed)
    total = sum(counts)
    row = np.repeat(np.arange(len(counts)), counts)
    eta = rng.uniform(-1.5, 1.5, len(counts))[row] + rng.normal(0, 0.2, total)
    phi = rng.uniform(-np.pi, np.pi, len(counts))[row] + rng.normal(0, 0.2, total)
    return from_cylinder(counts, np.exp(rng.normal(1.5, 1.2, total)), eta, phi, np.arange(len(counts)) % 2)


SAMPLE = jets([1, 2, 17, 30, 16, 128])
SMALL = jets([3, 9, 20, 12, 5, 16, 14, 7], seed=6)


def build(name):
    """A model whose batch norms have seen jets and whose temperature is not 1."""
    entry = models.get(name)
    represent = representation(entry.facts["input"])
    torch.manual_seed(2)
    if name == "trees":
        many = jets([5 + i % 40 for i in range(100)])
        values = represent(many).values.numpy()
        module = train_trees(values, many.column("label"), options=TreeOptions(trees=30))
    else:
        module = entry.cls().train()
        with torch.no_grad():
            for _ in range(3):
                module(represent(SMALL))
    return Trained(name, {}, module.eval(), entry.facts["input"], temperature=1.5)


def logits_of(trained, sample):
    with torch.inference_mode():
        return trained.module(representation(trained.input)(sample)) / trained.temperature


@pytest.mark.parametrize("name", sorted({*models.names()} - {*CLAIMED}))
def test_others_are_refused_with_a_sentence(name):
    try:
        entry = models.get(name)
        trained = Trained(name, {}, entry.cls(), entry.facts["input"])
    except (MissingPackageError, InputError) as error:  # an ensemble has no default members
        pytest.skip(str(error))
    with pytest.raises(InputError, match=f"the model '{name}' cannot be exported: "):
        graph_of(trained)


@pytest.mark.parametrize("name", CLAIMED)
def test_a_graph_gives_what_the_model_gives(name):
    trained = build(name)
    graph = graph_of(trained)
    assert not [node for node in graph.graph.node if node.op_type in ("BatchNormalization", "Dropout")]
    wanted = logits_of(trained, SAMPLE)
    scale = float(wanted.abs().max())
    represent, run = representation(trained.input), runner(graph)
    for rows, slots in ((slice(0, 5), None), (slice(0, 1), 1), (slice(5, 6), 150), (slice(1, 4), 40)):
        got = run(arrays(represent(SAMPLE[rows]), slots))
        assert float((got["logits"] - wanted[rows]).abs().max()) < CLOSE * scale
        np.testing.assert_allclose(got["probabilities"], torch.sigmoid(wanted[rows]), rtol=1e-4)
    assert float(wanted.std()) > 1e-3 * scale


@pytest.mark.parametrize("name", ["particlenet", "particlenet-lite"])
def test_particles_in_one_direction_are_neighbours_of_each_other(name):
    collection = SAMPLE.collection("constituents")
    fields = {key: values.copy() for key, values in collection.fields.items()}
    for start, stop in pairwise(collection.offsets):
        for key in ("px", "py", "pz", "e"):
            fields[key][start + 1 : stop : 2] = 0.4 * fields[key][start : stop - 1 : 2]
    pairs = Events(SAMPLE.columns, collections={"constituents": Ragged(collection.offsets, fields)})
    trained = build(name)
    wanted = logits_of(trained, pairs)
    got = runner(graph_of(trained))(arrays(representation(trained.input)(pairs)))["logits"]
    assert float((got - wanted).abs().max()) < CLOSE * float(wanted.abs().max())


@pytest.mark.parametrize("name", ["pfn", "particlenet-lite", "part-light", "pelican-1k", "lola", "gru"])
def test_what_stands_in_empty_slots_is_not_looked_at(name):
    trained = build(name)
    run = runner(graph_of(trained))
    given = arrays(representation(trained.input)(SAMPLE), 140)
    before = run(given)["logits"]
    empty = given["mask"] == 0
    for values in (given["features"], given["p4"]):
        values[empty] = float("nan")
    torch.testing.assert_close(run(given)["logits"], before, rtol=0, atol=0)
    moved = torch.randperm(140, generator=torch.Generator().manual_seed(3))
    turned = run({key: values[:, moved] for key, values in given.items()})["logits"]
    torch.testing.assert_close(turned, before, rtol=0, atol=2 * CLOSE * float(before.abs().max()))
