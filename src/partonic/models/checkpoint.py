"""Trained models on disk: numbers and plain data only, so that a stranger's file cannot run code."""

from __future__ import annotations

import inspect
import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from partonic.core.config import from_tree
from partonic.core.errors import FileError, InputError, PartonicError
from partonic.core.files import atomic, check_readable
from partonic.core.registry import Entry, models
from partonic.events.cache import release
from partonic.models.inputs import sizes_of
from partonic.models.precision import check_precision, computing
from partonic.represent import gives, needed, representation
from partonic.represent.constituents import BadJetError
from partonic.represent.task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.batch import Batch

BINARY = Task()
FORMAT = "partonic model"
RELEASE = 100_000  # jets after which the memory of a memory-mapped sample is given back
VERSION = 2  # 1 had no task: two classes, no targets


@dataclass(frozen=True)
class Trained:
    """A trained model with all that is needed to score events.

    Args:
        name: public name of the model.
        options: what its class was built with.
        module: the model itself.
        input: name of its representation.
        input_options: options of the representation.
        temperature: divides the logits before they become probabilities (calibration, arXiv:1706.04599).
        facts: plain data about it, as how it was trained.
        task: its classes, and what it estimates beside them.

    Raises:
        InputError: the temperature is not above 0.
    """

    name: str
    options: Mapping[str, Any]
    module: nn.Module
    input: str
    input_options: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    task: Task = BINARY

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise InputError(f"the temperature of a model must be above 0, not {self.temperature}")

    def scores(
        self, events: Events, batch_size: int = 128, device: str = "cpu", precision: str = "float32"
    ) -> NDArray[np.float64]:
        """Probability of signal for each jet, (jets,), in the order of the events; of each class, (jets, classes).

        One batch is in memory at a time, of a memory-mapped sample 100,000 jets. The module is left on the device, in
        evaluation mode.

        Args:
            events: jets with the collection ``constituents``, or what else the representation reads.
            batch_size: jets at a time, 1 or more; has no influence on the scores. The default keeps them in the caches
                of a processor; a GPU wants more.
            device: where to compute.
            precision: ``float32``, ``bfloat16`` (faster for networks of large layers, scores to about a hundredth)
                or ``bfloat16-emulated``, see :mod:`partonic.models.precision`.

        Raises:
            BadJetError: a jet that cannot be represented.
            UnknownNameError: there is no such precision.
            InputError: the batch size is below 1, the processor has not this precision, or the model gives a score
                that is not finite.
        """
        return self.predicted(events, batch_size, device, precision)["score"]

    def predicted(
        self, events: Events, batch_size: int = 128, device: str = "cpu", precision: str = "float32"
    ) -> dict[str, NDArray[np.float64]]:
        """The ``score`` of each jet and, of each target of the task, ``estimated_TARGET``, in one pass over the jets.

        Args:
            events: as in :meth:`scores`.
            batch_size: as in :meth:`scores`.
            device: as in :meth:`scores`.
            precision: as in :meth:`scores`.

        Raises:
            BadJetError: as :meth:`scores`.
            UnknownNameError: as :meth:`scores`.
            InputError: as :meth:`scores`.
        """
        check_precision(precision, device)
        with computing(precision, device):
            outputs = torch.from_numpy(self._of_outputs(lambda outputs: outputs, events, batch_size, device))
        scores: NDArray[np.float64] = self.task.probabilities(outputs).numpy()
        finite = np.isfinite(scores if scores.ndim == 1 else scores.sum(axis=1))
        if not np.all(finite):
            row = int(np.argmin(finite))
            raise InputError(f"the model '{self.name}' gives {scores[row]} for the jet in row {row}: it is not usable")
        estimates = self.task.estimates(outputs).numpy()
        return {"score": scores} | {
            f"estimated_{name}": estimates[:, column] for column, name in enumerate(self.task.targets)
        }

    def regressed(self, events: Events, batch_size: int = 128, device: str = "cpu") -> dict[str, NDArray[np.float64]]:
        """What the network estimates of each target, (jets,) in the units of its column.

        Args:
            events: as in :meth:`scores`.
            batch_size: as in :meth:`scores`.
            device: as in :meth:`scores`.

        Raises:
            BadJetError: a jet that cannot be represented.
            InputError: the batch size is below 1.
        """
        values = self._of_outputs(self.task.estimates, events, batch_size, device)
        return {name: values[:, column] for column, name in enumerate(self.task.targets)}

    def _of_outputs(
        self, of: Callable[[torch.Tensor], torch.Tensor], events: Events, batch_size: int, device: str
    ) -> NDArray[np.float64]:
        """A function of the network's outputs for all jets, (jets, ...)."""
        if batch_size < 1:
            raise InputError(f"batch_size must be 1 or more, not {batch_size}")
        represent = representation(self.input, **self.input_options)
        jets = needed(represent, events)
        self._ready(device)
        parts = []
        for start in range(0, len(events), batch_size):
            rows = slice(start, min(start + batch_size, len(events)))
            try:
                batch = represent(jets[rows])
            except BadJetError as error:
                raise error.moved(start) from None
            parts.append(of(self._outputs(batch, device)).numpy())
            if rows.stop // RELEASE > start // RELEASE:
                release(jets)
        return np.concatenate(parts) if parts else of(torch.empty(0, self.task.outputs).double()).numpy()

    def probabilities(self, batch: Batch, device: str = "cpu") -> NDArray[np.float64]:
        """Probability of signal for each jet of a batch, (jets,), or of each of several classes, (jets, classes)."""
        self._ready(device)
        return self.task.probabilities(self._outputs(batch, device)).numpy()

    def _ready(self, device: str) -> None:
        """The module on the device, in evaluation mode: walking through its parts takes as long as some jets."""
        self.module.to(device).eval()

    def _outputs(self, batch: Batch, device: str) -> torch.Tensor:
        """What the network gives, logits over the temperature, (jets,) or (jets, outputs)."""
        module = self.module
        # What torch compiles may see arrays of NumPy, which it knows as tensors with gradients switched off only.
        with torch.inference_mode() if module._compiled_call_impl is None else torch.no_grad():
            outputs: torch.Tensor = module(batch.to(device)).double().cpu()
        return self.task.cooled(outputs, self.temperature)


def save(path: Path | str, trained: Trained) -> None:
    """Write a trained model, whole or not at all; equal models give equal bytes.

    Raises:
        InputError: options or facts are not plain data.
        FileError: the file cannot be written.
    """
    tree = {
        "format": FORMAT,
        "version": VERSION,
        "model": trained.name,
        "options": _plain("options", trained.options),
        "input": trained.input,
        "input_options": _plain("input_options", trained.input_options),
        "temperature": float(trained.temperature),
        "facts": _plain("facts", trained.facts),
        "task": _plain("task", asdict(trained.task)),
        "state": {name: values.detach().cpu() for name, values in trained.module.state_dict().items()},
    }
    buffer = io.BytesIO()
    torch.save(tree, buffer)
    with atomic(path) as aside:
        aside.write_bytes(buffer.getvalue())


def load(path: Path | str) -> Trained:
    """Read a trained model; no code of the file is run.

    Raises:
        FileError: the file is missing, truncated, no checkpoint, of a newer version, asks to run code, or does not
            fit the model that it names, or names one that is not installed.
    """
    tree = _read(path)
    try:
        entry = models.get(tree["model"])
    except PartonicError as error:
        raise FileError(f"{path} cannot be used here: {error}") from error
    try:
        module = entry.cls(**tree["options"])
        module.load_state_dict(tree["state"])
        _check_input(entry, tree, representation(tree["input"], **tree["input_options"]))
        rest = {key: tree[key] for key in ("input", "input_options", "temperature", "facts")}
        task = from_tree(Task, tree["task"], f"the task in {path}") if "task" in tree else BINARY
        _check_outputs(getattr(module, "outputs", tree["options"].get("outputs", 1)), task)
        return Trained(entry.name, tree["options"], module.eval(), **rest, task=task)
    except PartonicError as error:
        raise FileError(f"{path} does not fit the model '{entry.name}': {error}") from error
    except (TypeError, ValueError, RuntimeError, AttributeError, MemoryError) as error:
        reason = " ".join(line.strip() for line in str(error).strip().split("\n")[:2]).rstrip(":. ")
        raise FileError(
            f"{path} does not fit the model '{entry.name}' of this installation ({reason}); "
            f"load it with the version of partonic that wrote it, or train again"
        ) from error


def _check_input(entry: Entry, tree: Mapping[str, Any], represent: Callable[[Events], Batch]) -> None:
    """Raise where a network reads something else than its representation gives."""
    usual = gives(representation(entry.facts.get("input", tree["input"])))
    if gives(represent) != usual:
        raise InputError(f"it reads {usual}, and its input '{tree['input']}' gives {gives(represent)}")
    parameters = inspect.signature(entry.cls).parameters
    for name, width in sizes_of(entry.cls, represent).items():
        own = tree["options"].get(name, parameters[name].default)
        if own != width:
            raise InputError(f"its option {name} is {own}, and its inputs have {width}")


def _check_outputs(given: int, task: Task) -> None:
    """Raise where a network has other outputs than its task asks for."""
    if given != task.outputs:
        wanted = f"{len(task.classes)} classes with {len(task.targets)} targets take {task.outputs}"
        raise InputError(f"it has {given} outputs, and {wanted}")
    if len(task.scales) != len(task.targets):
        raise InputError(f"it has {len(task.targets)} targets, and scales of {len(task.scales)}")


def _read(path: Path | str) -> dict[str, Any]:
    """The contents of a checkpoint of this format and version."""
    file = check_readable(path)
    with file.open("rb") as stream:
        packed = stream.read(4) == b"PK\x03\x04"
    if packed and not zipfile.is_zipfile(file):
        raise FileError(f"{file} is cut short: it begins as a checkpoint and has no end; copy or train it again")
    if not packed:
        raise FileError(f"{file} is not a partonic checkpoint; give a file that a partonic training wrote (.pt)")
    try:
        tree = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FileError(
            f"{file} holds more than numbers and plain data, which could run code, and was not loaded; "
            f"give a file that a partonic training wrote"
        ) from error
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, TypeError, AttributeError, IndexError) as error:
        raise FileError(f"{file} is not a partonic checkpoint, or is damaged; copy or train it again") from error
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise FileError(f"{file} is not a partonic checkpoint; give a file that a partonic training wrote (.pt)")
    if not isinstance(tree.get("version"), int) or not 1 <= tree["version"] <= VERSION:
        raise FileError(
            f"{file} has format version {tree.get('version')}, this partonic reads up to {VERSION}; upgrade partonic"
        )
    missing = [key for key in _LAYOUT if not isinstance(tree.get(key), _LAYOUT[key])]
    if missing:
        raise FileError(f"{file} is damaged: its {', '.join(missing)} is missing or of the wrong type; train it again")
    return tree


_LAYOUT: dict[str, type] = {
    "model": str,
    "options": dict,
    "input": str,
    "input_options": dict,
    "temperature": float,
    "facts": dict,
    "state": dict,
}


def _plain(place: str, value: Any) -> Any:
    """The value as dictionaries, lists, text, numbers, booleans and None."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{place}.{key}", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(place, item) for item in value]
    raise InputError(f"{place} of a model must be plain data to be saved, not {type(value).__name__}")
