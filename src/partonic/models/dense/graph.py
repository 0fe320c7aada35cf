"""ONNX graphs of networks: padded jets, images or observables in, logits and probabilities out."""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError, require
from partonic.models import dense as forms
from partonic.models.dense.form import dense, folded, has_form
from partonic.represent.batch import Features, Images, PackedJets
from partonic.represent.padded import PaddedJets, padded

if TYPE_CHECKING:
    from collections.abc import Callable

    from partonic.represent.batch import Batch
    from partonic.represent.task import Task

OPSET = 18
Arrays = dict[str, Tensor]


def arrays(batch: Batch, slots: int | None = None) -> Arrays:
    """The inputs of a graph by their names, from a batch.

    Args:
        batch: packed jets, images or features.
        slots: of padded jets, those of the longest by default.

    Raises:
        InputError: a batch of another kind.
    """
    if isinstance(batch, PackedJets):
        jets = padded(batch, slots)
        return {"features": jets.features, "p4": jets.p4, "mask": jets.there.to(jets.p4)}
    if isinstance(batch, Images):
        return {"pixels": batch.pixels}
    if isinstance(batch, Features):
        return {"values": batch.values}
    raise InputError(f"a batch of {type(batch).__name__} cannot be exported: only padded jets, images and observables")


def network_graph(net: nn.Module, batch: Batch, task: Task, temperature: float) -> Any:
    """The ONNX graph of a network, an ``onnx.ModelProto``; the numbers of jets and of slots are left open.

    Args:
        net: the network.
        batch: an example of what it takes, of two jets or more.
        task: what its outputs are.
        temperature: divides the logits.

    Raises:
        InputError: it computes what has no form on padded arrays.
        MissingPackageError: the package onnx is not installed.
    """
    onnx = require("onnx", "export")
    given = arrays(batch)
    if isinstance(batch, PackedJets):
        _load_forms()
        if not has_form(net):
            raise InputError(f"the network {type(net).__name__} has no form on padded arrays, by which it is exported")
    names, outputs = list(given), output_names(task)
    module = _Graph(folded(net), type(batch), task, temperature).eval()
    axes = {name: {0: "jets", 1: "particles"} if "mask" in names else {0: "jets"} for name in names}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of shapes that are the same for all jets, and of exporters to come
        try:
            torch.onnx.export(
                module,
                tuple(given.values()),
                buffer,  # type: ignore[arg-type]
                input_names=names,
                output_names=outputs,
                dynamic_axes=axes | {name: {0: "jets"} for name in outputs},
                opset_version=OPSET,
                dynamo=False,  # by tracing, in a tenth of the time of the other way
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the network {type(net).__name__} has no form in ONNX ({reason})") from error
    graph = onnx.load_from_string(buffer.getvalue())
    used = {name for node in graph.graph.node for name in node.input}
    for one in [one for one in graph.graph.input if one.name not in used]:
        graph.graph.input.remove(one)
    return graph


def output_names(task: Task) -> list[str]:
    """What a graph gives: ``logits``, ``probabilities`` and, where there are targets, ``estimates``."""
    return ["logits", "probabilities", *["estimates"] * bool(task.targets)]


class _Graph(nn.Module):
    """A network between the arrays of a graph.

    Args:
        net: the network, folded.
        kind: of its batch.
        task: what its outputs are.
        temperature: divides the logits.
    """

    def __init__(self, net: nn.Module, kind: type, task: Task, temperature: float) -> None:
        super().__init__()
        self.net, self.kind, self.task, self.temperature = net, kind, task, temperature

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What :func:`output_names` says, (jets,) or (jets, columns) each."""
        if self.kind is PackedJets:
            features, p4, mask = given
            there = mask > 0
            # Whatever stands in the empty slots is not looked at.
            features, p4 = (torch.where(there[:, :, None], values, 0.0) for values in (features, p4))
            outputs = dense(self.net, PaddedJets(features, p4, there))
        else:
            outputs = self.net(self.kind(*given))
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        logits = outputs[:, : self.task.logits] / self.temperature
        logits = logits[:, 0] if self.task.logits == 1 else logits
        probabilities = logits.sigmoid() if logits.ndim == 1 else logits.softmax(dim=1)
        if not self.task.targets:
            return logits, probabilities
        mean, spread = outputs.new_tensor(self.task.scales).unbind(1)
        return logits, probabilities, mean + outputs[:, self.task.logits :] * spread


def _load_forms() -> None:
    """Import the files of this folder, which register the forms."""
    for file in pkgutil.iter_modules(forms.__path__):
        importlib.import_module(f"{forms.__name__}.{file.name}")


def runner(graph: Any) -> Callable[[Arrays], Arrays]:
    """A function from the inputs of a graph to its outputs, by their names, computed by onnxruntime.

    Args:
        graph: an ``onnx.ModelProto``; inputs that it has no use for may be given too.

    Raises:
        MissingPackageError: the package onnxruntime is not installed.
    """
    runtime = require("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(given: Arrays) -> Arrays:
        """Compute a batch."""
        names = [one.name for one in session.get_outputs()]
        outputs = session.run(names, {one.name: given[one.name].numpy() for one in session.get_inputs()})
        return {name: torch.from_numpy(values) for name, values in zip(names, outputs, strict=True)}

    return run
