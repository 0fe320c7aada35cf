"""Published weights of ParticleNet and the Particle Transformer, as the weaver framework stores them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partonic.core.errors import FileError, InputError
from partonic.core.files import check_readable
from partonic.core.registry import models
from partonic.models.checkpoint import Trained
from partonic.represent.packed import INPUTS, POSITION
from partonic.represent.task import Task


def _paired(number: int) -> tuple[int, int]:
    """Layer, norm, activation, ... counted from 1, as a layer with its norm, activation, ...: place and part."""
    return 2 * ((number - 1) // 3) + 1, (number - 1) % 3


# What a weight is called there -> here. Convolutions of size 1 are linear layers here.
RENAMED = {
    "particlenet": (
        (r"bn_fts\.", "norm."),
        (r"edge_convs\.(\d+)\.convs\.(\d+)\.", r"convolutions.\1.layers.\2.0."),
        (r"edge_convs\.(\d+)\.bns\.(\d+)\.", r"convolutions.\1.layers.\2.1."),
        (r"edge_convs\.(\d+)\.sc\.", r"convolutions.\1.shortcut.0."),
        (r"edge_convs\.(\d+)\.sc_bn\.", r"convolutions.\1.shortcut.1."),
        (r"fusion_block\.", "fusion."),
        (r"fc\.", "dense."),
    ),
    "part": (
        (r"embed\.input_bn\.", "embed.0."),
        (r"embed\.embed\.(\d+)\.", lambda found: f"embed.{int(found[1]) + 1}."),
        (r"pair_embed\.embed\.0\.", "pairs.layers.0."),
        (r"pair_embed\.embed\.(\d+)\.", lambda found: "pairs.layers.{}.{}.".format(*_paired(int(found[1])))),
        (r"cls_blocks\.", "summaries."),
        (r"(.*\.)pre_attn_norm\.", r"\1before_attention."),
        (r"(.*\.)post_attn_norm\.", r"\1after_attention."),
        (r"(.*\.)pre_fc_norm\.", r"\1before_dense."),
        (r"(.*\.)post_fc_norm\.", r"\1after_dense."),
        (r"(.*\.)attn\.in_proj[._]", r"\1attention.inside."),
        (r"(.*\.)attn\.out_proj\.", r"\1attention.outside."),
        (r"(.*\.)fc1\.", r"\1up."),
        (r"(.*\.)fc2\.", r"\1down."),
        (r"(.*\.)c_attn$", r"\1head_scale"),
        (r"(.*\.)w_resid$", r"\1residual_scale"),
        (r"cls_token$", "summary"),
        (r"fc\.0\.", "head."),
    ),
}
PUBLISHED_INPUTS = {len(INPUTS[name]): name for name in ("kinematic", "kinds", "full")}
FIRST = {  # what the features of a particle enter
    "particlenet": ("norm.", "convolutions.0.layers.0.0.weight", "convolutions.0.shortcut.0.weight"),
    "part": ("embed.0.", "embed.1.", "embed.2.weight"),
}
NEIGHBOURS, FEW = 16, 7  # of each particle, in the published ParticleNet and in its small version
SMALL_WIDTH = 32  # of the first layer of the small version


def load_weaver(path: Path | str, classes: Sequence[str] = ()) -> Trained:
    """Read the state dictionary of a ParticleNet or a Particle Transformer (version 1) of weaver, as it was published.

    The sizes are read off the weights. What they do not tell is as published: 16 neighbours (7 where the first layer
    is 32 wide), and a GELU behind the network of pairs. The inputs are those of the published trainings on JetClass: 7
    (``kinematic``), 13 (``kinds``) or 17 (``full``), with the place relative to the axis last. Two outputs
    become one logit, the second less the first: the score is the probability of the second class.

    Args:
        path: the ``.pt`` file; no code of it is run, and weights on a GPU are loaded to the processor.
        classes: names of the classes in the order of the outputs, numbers where they are not given.

    Raises:
        FileError: the file is missing or damaged, holds something else, or a network of other inputs or parts.
        InputError: the names are not as many as the outputs.
    """
    weights = _read(path)
    kind = "part" if any(name.startswith("pair_embed.") for name in weights) else "particlenet"
    try:
        options = _part(weights) if kind == "part" else _particlenet(weights)
        state = {renamed(name, RENAMED[kind]): values for name, values in weights.items()}
        module = models.get(kind).cls(**options)
        fitting = {name: state[name].reshape(values.shape) for name, values in module.state_dict().items()}
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        raise FileError(f"{path} is no {kind} of weaver that is known here ({error})") from error
    strange = sorted(set(state) - set(fitting))
    inputs = PUBLISHED_INPUTS.get(options["features"])
    if strange or inputs is None:
        known = ", ".join(map(str, PUBLISHED_INPUTS))
        number = f"{options['features']} inputs of a particle, not {known},"
        raise FileError(
            f"{path} is a {kind} of weaver with {f'the weights {strange[0]},' if strange else number} which is not "
            "known here"
        )
    fitting = _reordered(fitting, FIRST[kind], options["features"])
    names = tuple(classes) or tuple(f"class {number}" for number in range(options["outputs"]))
    if len(names) != options["outputs"]:
        raise InputError(f"{path} tells {options['outputs']} classes apart, and {len(names)} names are given")
    if len(names) == 2:
        fitting, options = _one_logit(kind, options, fitting), options | {"outputs": 1}
        module = models.get(kind).cls(**options)
    module.load_state_dict(fitting)
    seen, facts = {"inputs": inputs, "max_particles": 128}, {"source": Path(path).name}
    return Trained(kind, options, module.eval(), "packed", seen, facts=facts, task=Task(names))


def _read(path: Path | str) -> Mapping[str, Tensor]:
    file = check_readable(path)
    try:
        tree = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError, AttributeError) as error:
        raise FileError(
            f"{file} is not a file of weights, or is damaged ({str(error).splitlines()[0].split('. ')[0]})"
        ) from error
    if not isinstance(tree, Mapping) or not all(isinstance(values, Tensor) for values in tree.values()):
        raise FileError(f"{file} is not a dictionary of weights")
    return {str(name).removeprefix("mod."): values for name, values in tree.items()}


def renamed(name: str, rules: Sequence[tuple[str, Any]]) -> str:
    """Our name of a weight of weaver, by one of :data:`RENAMED`."""
    for pattern, ours in rules:
        name = re.sub(f"^{pattern}", ours, name)
    return name


def _reordered(state: Mapping[str, Tensor], first: tuple[str, ...], features: int) -> dict[str, Tensor]:
    """The weights for our order of the features: there those of :data:`POSITION` come last, here in the middle."""
    number = POSITION.stop - POSITION.start
    last = [*range(features - number, features)]
    columns = [*range(POSITION.start), *last, *range(POSITION.start, features - number)]
    return {
        name: values.reshape(*values.shape[:-1], -1, features)[..., columns].reshape(values.shape)
        if name.startswith(first) and values.ndim
        else values
        for name, values in state.items()
    }


def _widths(weights: Mapping[str, Tensor], pattern: str) -> list[int]:
    """Number of outputs of each layer of a row."""
    names = (pattern.format(i) for i in count())
    return [len(weights[name]) for name in takewhile(weights.__contains__, names)]


def _particlenet(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    layers = [
        _widths(weights, f"edge_convs.{i}.convs.{{}}.weight")
        for i in takewhile(lambda i: f"edge_convs.{i}.convs.0.weight" in weights, count())
    ]
    neighbours = FEW if layers[0][0] == SMALL_WIDTH else NEIGHBOURS
    dense = _widths(weights, "fc.{}.0.weight")
    return {
        "convolutions": [[neighbours, widths] for widths in layers],
        "dense": dense,
        "features": len(weights["bn_fts.weight"]),
        "outputs": len(weights[f"fc.{len(dense)}.weight"]),
        "fusion": "fusion_block.0.weight" in weights,
    }


def _part(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    embedding = [len(weights[name]) for name in _linear(weights, "embed.embed.")]
    pairs = [len(weights[name]) for name in _linear(weights, "pair_embed.embed.")]
    return {
        "embedding": embedding,
        "pair_widths": pairs[:-1],
        "heads": pairs[-1],
        "layers": len(_widths(weights, "blocks.{}.c_attn")),
        "summaries": len(_widths(weights, "cls_blocks.{}.c_attn")),
        "features": len(weights["embed.input_bn.weight"]),
        "outputs": len(weights["fc.0.weight"]),
    }


def _one_logit(kind: str, options: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network of two outputs with one, the second less the first: its sigmoid is their softmax."""
    last = "head." if kind == "part" else f"dense.{len(options['dense'])}."
    return {name: values[1:] - values[:1] if name.startswith(last) else values for name, values in state.items()}


def _linear(weights: Mapping[str, Tensor], prefix: str) -> list[str]:
    """The weights of the linear layers of a stack, in their order."""
    found = [name for name, values in weights.items() if name.startswith(prefix) and values.ndim > 1]
    return sorted(found, key=lambda name: int(name.removeprefix(prefix).split(".")[0]))
