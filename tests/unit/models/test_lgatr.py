"""The transformer of the package ``lgatr`` in buckets against one jet at a time without padding."""

import pytest
import torch
from toy_jets import toy_jets

pytest.importorskip("lgatr")
from partonic.fit.tagger import train_tagger
from partonic.metrics.tagging import auc
from partonic.models.lgatr import SCALE, LGATr
from partonic.represent.packed import Packed


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return LGATr().eval()


def test_equals_the_package_jet_by_jet(network):
    jets = Packed()(toy_jets(6, smallest=1))
    with torch.no_grad():
        for jet, logit in enumerate(network(jets)):
            p4 = jets.p4[jets.offsets[jet] : jets.offsets[jet + 1]] * SCALE
            vectors = torch.cat([p4, network.references])
            arrows = torch.zeros(len(vectors), 1, 16)
            arrows[:, 0, 0], arrows[:, 0, 1:5] = 1, vectors
            flag = (torch.arange(len(vectors)) >= len(p4)).float()[:, None]
            found, _ = network.transformer(arrows, flag)
            torch.testing.assert_close(found[:, 0, 0].mean(), logit, rtol=1e-4, atol=1e-5)


def test_without_references_no_frame_is_known():
    network = LGATr(beams=False)
    assert network.references.shape == (0, 4)
    assert network(Packed()(toy_jets(3))).shape == (3,)


def test_the_published_network_is_built():
    network = LGATr(blocks=12, multivectors=16, scalars=32, heads=8, attention=2)
    assert len(network.transformer.blocks) == 12
    assert sum(weight.numel() for weight in network.parameters()) == 1_076_930  # 1.1 million in arXiv:2411.00446


def test_learns_an_easy_difference(tmp_path):
    train, validation, test = toy_jets(400, seed=1), toy_jets(40, seed=2), toy_jets(150, seed=3)
    training = train_tagger("lgatr", train, validation, tmp_path / "lgatr", seed=1, epochs=2)
    assert auc(training.trained.scores(test), test.column("label")).value > 0.75
