"""Trained models as ONNX files, for programs that have neither Python nor torch (CMSSW, Athena, ROOT, C++)."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from partonic.core.errors import InputError, require
from partonic.core.files import atomic, check_writable, write_json
from partonic.core.registry import models
from partonic.models.checkpoint import Trained, load
from partonic.models.dense.graph import OPSET, arrays, network_graph, runner
from partonic.models.dense.trees import tree_graph
from partonic.models.trees import Trees
from partonic.represent import gives, representation
from partonic.represent.batch import Features, Images, PackedJets
from partonic.version import __version__

if TYPE_CHECKING:
    from numpy.random import Generator

    from partonic.represent.batch import Batch

AGREE = 1e-5  # largest difference of a graph that is written, as a share of the largest logit
JETS, LONGEST = 48, 128  # random jets on which a graph is compared, and their most particles
MEANINGS = {
    "features": "inputs of the network for each particle, 0 in empty slots",
    "p4": "four-momenta (E, px, py, pz) in GeV, in the same slots",
    "mask": "1 where there is a particle, 0 in empty slots; each jet needs one particle at least",
    "pixels": "images of the jets",
    "values": "observables of each jet, in this order",
    "logits": "the network's outputs, divided by the temperature",
}


def export(model: Trained | Path | str, output: Path | str, *, overwrite: bool = False) -> str:
    """Write a trained model as ONNX, with a description of its inputs inside and in a JSON file beside it.

    Networks on particles take padded arrays: ``features`` (jets, particles, F), ``p4`` (jets, particles, 4) and
    ``mask`` (jets, particles), those of them that they use; networks on images ``pixels``, others ``values``. Numbers
    of jets and particles are open, and what stands in empty slots has no influence. All come in single precision, as
    ``logits`` and ``probabilities`` go out. Batch norms are folded into the layers beside them.

    The graph is run by onnxruntime on random jets of 1 to 128 particles and compared with the model before it is
    written.

    Args:
        model: a trained model or its checkpoint.
        output: file to write, ``.onnx``; the description goes to ``.onnx.json`` beside it.
        overwrite: replace existing files.

    Returns:
        One line that says what was done.

    Raises:
        FileError: the checkpoint cannot be read, or the files not be written.
        InputError: the model computes what has no form in ONNX, or the graph does not agree with it.
        MissingPackageError: onnx or onnxruntime is not installed.
    """
    onnx = require("onnx", "export")
    require("onnxruntime", "export")
    goal = check_writable(output, overwrite=overwrite)
    beside = check_writable(goal.with_name(f"{goal.name}.json"), overwrite=overwrite)
    trained = load(model) if isinstance(model, Path | str) else model
    graph = graph_of(trained)
    difference = disagreement(trained, graph)
    if not difference <= AGREE:
        raise InputError(
            f"the graph of '{trained.name}' differs from the model by {difference:.1e} of the largest logit, more than "
            f"{AGREE:.0e}, on random jets; nothing was written"
        )
    told = description(trained, graph) | {"difference": difference}
    for key, value in told.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    onnx.checker.check_model(graph)
    with atomic(goal) as aside:
        aside.write_bytes(graph.SerializeToString())
    write_json(beside, told)
    inputs = ", ".join(f"{one['name']} ({', '.join(map(str, one['shape']))})" for one in told["inputs"])
    return f"{goal}: {trained.name} takes {inputs}; as the model to {difference:.1e}; described in {beside.name}"


def graph_of(trained: Trained) -> Any:
    """The ONNX graph of a trained model, an ``onnx.ModelProto``.

    Raises:
        InputError: the model computes what has no form in ONNX.
        MissingPackageError: the package onnx is not installed.
    """
    if isinstance(trained.module, Trees):
        return tree_graph(trained.module, trained.temperature)
    example = random_batch(trained, 2, 3, np.random.default_rng(0))
    try:
        return network_graph(trained.module.cpu(), example, trained.task, trained.temperature)
    except InputError as error:
        raise InputError(f"the model '{trained.name}' cannot be exported: {error}") from error


def disagreement(trained: Trained, graph: Any) -> float:
    """Largest difference of logits between a graph and its model on random jets, over the largest logit."""
    batch = random_batch(trained, JETS, LONGEST, np.random.default_rng(1))
    with torch.inference_mode():
        outputs = trained.module.cpu().eval()(batch).double()
    wanted, _ = trained.task.split(trained.task.cooled(outputs, trained.temperature))
    logits = runner(graph)(arrays(batch))["logits"].double()
    return float((logits - wanted).abs().max() / wanted.abs().max())


def random_batch(trained: Trained, jets: int, longest: int, rng: Generator) -> Batch:
    """Random inputs of a model, of jets with 1 to ``longest`` particles.

    Raises:
        InputError: the model takes a batch of another kind than padded jets, images or observables.
    """
    represent: Any = representation(trained.input, **trained.input_options)
    kind = gives(represent)
    if kind == PackedJets.__name__:
        counts = np.linspace(1, longest, jets).astype(np.int64)
        total = int(counts.sum())
        eta, phi = rng.normal(0, 0.3, (2, total))
        pt = np.exp(rng.normal(1.5, 1.2, total))
        p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)
        features = np.clip(rng.standard_normal((total, represent.width)), -5, 5)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return PackedJets(_real(features), _real(p4), torch.from_numpy(offsets))
    if kind == Images.__name__:
        pixels = rng.exponential(1.0, (jets, represent.width, represent.size, represent.size)) ** 4
        return Images(_real(pixels / pixels.sum(axis=(1, 2, 3), keepdims=True)))
    if kind == Features.__name__:
        return Features(_real(np.exp(rng.normal(0, 2, (jets, represent.width)))))
    raise InputError(
        f"the model '{trained.name}' cannot be exported: it takes {kind}, and a graph only padded jets, images or "
        "observables"
    )


def _real(values: Any) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


def description(trained: Trained, graph: Any) -> dict[str, Any]:
    """What a user of the graph must know, as plain data."""
    represent: Any = representation(trained.input, **trained.input_options)
    ways = getattr(sys.modules[type(represent).__module__], "INPUTS", {})
    columns = getattr(represent, "described", None) or ways.get(getattr(represent, "inputs", ""), {})
    inputs = [_axis(one) for one in graph.graph.input]
    for one in inputs:
        if columns and one["name"] in ("features", "values"):
            one["columns"] = columns
    outputs = [_axis(one) for one in graph.graph.output]
    second = f"sigmoid of the logits: probability of {trained.task.classes[1]}"
    outputs[1]["meaning"] = second if trained.task.logits == 1 else "softmax of the logits, in the order of the classes"
    if trained.task.targets:
        outputs[2] |= {"meaning": "in their own units", "columns": list(trained.task.targets)}
    said = inspect.getdoc(type(represent)) or ""
    return {
        "model": trained.name,
        "paper": models.get(trained.name).paper,
        "partonic": __version__,
        "opset": OPSET,
        "inputs": inputs,
        "outputs": outputs,
        "classes": list(trained.task.classes),
        "temperature": float(trained.temperature),
        "representation": {
            "name": trained.input,
            "meaning": " ".join(said.partition("Args:")[0].split()),
            "options": dataclasses.asdict(represent),
        },
        "facts": dict(trained.facts),
    }


def _axis(one: Any) -> dict[str, Any]:
    """Name, shape and meaning of an input or output of a graph."""
    shape = [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim]
    return {"name": one.name, "type": "float32", "shape": shape, "meaning": MEANINGS.get(one.name, "")}
