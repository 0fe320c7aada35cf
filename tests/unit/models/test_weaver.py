"""Weights as the weaver framework stores them load into our networks; the published file too."""

import re

import numpy as np
import pytest
import torch
from toy_jets import toy_jets, with_kinds

from partonic.core.errors import FileError, InputError
from partonic.io.formats import read, write
from partonic.models.checkpoint import load, save
from partonic.models.export import export
from partonic.models.part import ParT
from partonic.models.particlenet import ParticleNet
from partonic.models.prediction import predict_file
from partonic.models.weaver import load_weaver
from partonic.represent.packed import INPUTS, Packed

BACK = {
    "particlenet": [
        ("norm.", "bn_fts."),
        (".shortcut.0.", ".sc."),
        (".shortcut.1.", ".sc_bn."),
        ("convolutions.", "edge_convs."),
        ("fusion.", "fusion_block."),
        ("dense.", "fc."),
    ],
    "part": [
        (".before_attention.", ".pre_attn_norm."),
        (".after_attention.", ".post_attn_norm."),
        (".before_dense.", ".pre_fc_norm."),
        (".after_dense.", ".post_fc_norm."),
        (".attention.inside.", ".attn.in_proj_"),
        (".attention.outside.", ".attn.out_proj."),
        (".up.", ".fc1."),
        (".down.", ".fc2."),
        (".head_scale", ".c_attn"),
        (".residual_scale", ".w_resid"),
        ("summaries.", "cls_blocks."),
        ("head.", "fc.0."),
    ],
}


def weaver_state(kind, module):
    """The state of one of our networks under weaver's names and shapes."""
    state = {}
    for name, values in module.state_dict().items():
        if name == "summary":
            state["mod.cls_token"] = values[None]
            continue
        if name.startswith("embed."):
            number = int(name.split(".")[1])
            rest = name.split(".", 2)[2]
            name = f"embed.input_bn.{rest}" if number == 0 else f"embed.embed.{number - 1}.{rest}"
        elif found := re.fullmatch(r"convolutions\.(\d+)\.layers\.(\d+)\.([01])\.(.*)", name):
            name = f"edge_convs.{found[1]}.{('convs', 'bns')[int(found[3])]}.{found[2]}.{found[4]}"
        elif found := re.fullmatch(r"pairs\.layers\.(\d+)\.([01])\.(.*)", name):
            name = f"pair_embed.embed.{1 + 3 * (int(found[1]) // 2) + int(found[2])}.{found[3]}"
        elif name.startswith("pairs.layers.0."):
            name = name.replace("pairs.layers.0.", "pair_embed.embed.0.")
        else:
            for ours, theirs in BACK[kind]:
                if (ours[0] == "." and ours in name) or name.startswith(ours):
                    name = name.replace(ours, theirs, 1)
        if ".convs." in name:
            values = values[:, :, None, None]
        elif values.ndim == 2 and (".sc." in name or "pair_embed" in name or "fusion" in name):
            values = values[:, :, None]
        state[f"mod.{name}"] = values
    return state


def shaken(module):
    """Every weight and statistic another than at the start."""
    torch.manual_seed(3)
    with torch.no_grad():
        for values in module.state_dict().values():
            if values.is_floating_point():
                values.add_(0.1 * torch.rand_like(values))
    return module.eval()


NETWORKS = {
    "particlenet": lambda: ParticleNet(((16, (64, 64)), (16, (96, 96))), (32,), outputs=10),
    "particlenet-lite": lambda: ParticleNet(((7, (32, 32)), (7, (64, 64))), (128,), outputs=4, fusion=True),
    "part": lambda: ParT((32, 48, 32), (16, 16), 4, 2, 1, outputs=3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_comes_back(name, tmp_path):
    module = shaken(NETWORKS[name]())
    kind = name.removesuffix("-lite")
    torch.save(weaver_state(kind, module), tmp_path / "net.pt")
    outputs = {"particlenet": 10, "particlenet-lite": 4, "part": 3}[name]
    names = tuple("abcdefghij"[:outputs])
    trained = load_weaver(tmp_path / "net.pt", classes=names)
    assert trained.name == kind
    assert trained.facts == {"source": "net.pt"}
    assert trained.task.classes == names
    wanted = module.state_dict()
    for key, values in trained.module.state_dict().items():
        assert torch.equal(values, wanted[key]), key
    probabilities = trained.scores(toy_jets(9))
    assert probabilities.shape == (9, outputs)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


OF_TWO = {
    "particlenet": lambda: ParticleNet(((7, (32, 32)),), (16,), outputs=2, fusion=True),
    "part": lambda: ParT((32, 48, 32), (16, 16), 4, 1, 1, outputs=2),
}


@pytest.mark.parametrize("kind", OF_TWO)
def test_two_classes_are_one_logit_through_save_load_predict_and_export(kind, tmp_path):
    module = shaken(OF_TWO[kind]())
    torch.save(weaver_state(kind, module), tmp_path / "net.pt")
    jets, scores = toy_jets(30), tmp_path / "scores.parquet"
    save(tmp_path / "tagger.pt", load_weaver(tmp_path / "net.pt", classes=["top", "qcd"]))
    trained = load(tmp_path / "tagger.pt")
    assert trained.task.classes == ("top", "qcd")
    with torch.no_grad():
        wanted = module(Packed(max_particles=128)(jets)).double().softmax(dim=1)[:, 1].numpy()
    np.testing.assert_allclose(trained.scores(jets), wanted, rtol=1e-5)
    assert np.ptp(wanted) > 1e-3
    write(tmp_path / "jets.parquet", jets)
    predict_file(tmp_path / "tagger.pt", tmp_path / "jets.parquet", scores)
    np.testing.assert_allclose(read(scores).column("score"), wanted, rtol=1e-5)
    pytest.importorskip("onnxruntime")
    assert "as the model to" in export(tmp_path / "tagger.pt", tmp_path / "tagger.onnx")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state | {"mod.extra.weight": torch.zeros(3)}, "weights extra.weight"),
        (lambda state: {k: v for k, v in state.items() if "bn_fts.bias" not in k}, "no particlenet of weaver"),
        (lambda state: {"a": torch.zeros(2)}, "no particlenet of weaver"),
        (lambda state: [1, 2], "not a dictionary of weights"),
    ],
)
def test_other_files_are_refused(change, says, tmp_path):
    torch.save(change(weaver_state("particlenet", NETWORKS["particlenet"]())), tmp_path / "net.pt")
    with pytest.raises(FileError, match=says):
        load_weaver(tmp_path / "net.pt")


def test_names_are_as_many_as_outputs(tmp_path):
    torch.save(weaver_state("particlenet", NETWORKS["particlenet"]()), tmp_path / "net.pt")
    assert load_weaver(tmp_path / "net.pt").task.classes[9] == "class 9"
    with pytest.raises(InputError, match="tells 10 classes apart, and 2 names are given"):
        load_weaver(tmp_path / "net.pt", classes=["a", "b"])


def placed_last(state, features, first):
    """The place relative to the axis behind all other features, as in the published trainings."""
    order = [*range(5), *range(7, features), 5, 6]
    for name, values in state.items():
        if name.startswith(first) and values.ndim:
            flat = values.reshape(len(values), -1) if values.ndim > 1 else values
            halves = flat.split(features, dim=-1)
            state[name] = torch.cat([half[..., order] for half in halves], dim=-1).reshape(values.shape)
    return state


@pytest.mark.parametrize("kind", ["particlenet", "part"])
@pytest.mark.parametrize("inputs", ["kinds", "full"])
def test_kinds_and_tracks_stand_before_the_place(kind, inputs, tmp_path):
    features = len(INPUTS[inputs])
    if kind == "part":
        module = shaken(ParT((32, 48, 32), (16, 16), 4, 1, 1, features=features, outputs=3))
        first = "mod.embed.input_bn.", "mod.embed.embed.0.", "mod.embed.embed.1.weight"
    else:
        module = shaken(ParticleNet(((7, (32, 32)),), (16,), features=features, outputs=3, fusion=True))
        first = "mod.bn_fts.", "mod.edge_convs.0.convs.0.weight", "mod.edge_convs.0.sc.weight"
    torch.save(placed_last(weaver_state(kind, module), features, first), tmp_path / "net.pt")
    trained = load_weaver(tmp_path / "net.pt")
    assert trained.input_options["inputs"] == inputs
    wanted = module.state_dict()
    for key, values in trained.module.state_dict().items():
        assert torch.equal(values, wanted[key]), key
    jets = with_kinds(toy_jets(9))
    with torch.no_grad():
        probabilities = module(Packed(inputs, max_particles=128)(jets)).double().softmax(dim=1).numpy()
    np.testing.assert_allclose(trained.scores(jets), probabilities, rtol=1e-5)


def test_other_inputs_are_refused(tmp_path):
    torch.save(weaver_state("particlenet", ParticleNet(features=8)), tmp_path / "net.pt")
    with pytest.raises(FileError, match="8 inputs of a particle, not 7, 13, 17, which is not known here"):
        load_weaver(tmp_path / "net.pt")


def test_a_damaged_file(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(FileError, match="not a file of weights"):
        load_weaver(tmp_path / "net.pt")


def test_the_published_network(real_data):
    trained = load_weaver(real_data / "ParticleNet_kin.pt")
    assert trained.options["outputs"] == 10
    assert trained.options["convolutions"] == [[16, [64] * 3], [16, [128] * 3], [16, [256] * 3]]
    assert sum(weight.numel() for weight in trained.module.parameters()) == 368_216
