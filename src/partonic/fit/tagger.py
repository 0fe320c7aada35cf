"""Train a tagger by its name: representation, model, batches and options as its registration says."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from partonic.core.config import from_tree
from partonic.core.errors import InputError, nearest
from partonic.core.estimate import Estimate
from partonic.core.files import read_json, write_json
from partonic.core.rank import rank
from partonic.core.registry import Entry, models
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.batches import Batches, scaled_weight
from partonic.fit.begun import check_begun, text
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.fit.transfer import UNFIT, Start, facts_of, start_from, tunable
from partonic.models.checkpoint import Trained, load, save
from partonic.models.inputs import sizes_of, width_of
from partonic.objectives.supervised import Supervised
from partonic.represent import gives, needed, representation
from partonic.represent.task import Task

BINARY = Task()
NOTHING: Mapping[str, Any] = MappingProxyType({})
BATCHING = ("size", "particles")
CHUNK = 10_000  # jets represented at once for models that take all of them together
RATE_BATCHES, RATE_JETS = 8, 512


@dataclass(frozen=True)
class Training:
    """A trained tagger and how it came about.

    Args:
        trained: the model, ready to score jets.
        history: losses an epoch, as of :class:`~partonic.fit.loop.FitResult`; empty for boosted trees.
        best_epoch: epoch (from 1) whose state was kept; 0 for boosted trees.
        seconds: processor time in training and validation, over all sessions of a resumed training; time gone by where
            the training is on another device.
    """

    trained: Trained
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float


def labels_of(jets: Events, task: Task = BINARY) -> NDArray[np.int64]:
    """Labels of jets, 0, 1, ... in the order of the classes of a task, (jets,).

    Raises:
        InputError: there is another label, or one class only.
    """
    return task.labels(jets)


def train_tagger(
    name: str,
    train: Events,
    validation: Events,
    directory: Path,
    *,
    task: Task = BINARY,
    options: Mapping[str, Any] = NOTHING,
    input: str | None = None,  # noqa: A002
    input_options: Mapping[str, Any] = NOTHING,
    training: Mapping[str, Any] = NOTHING,
    initial: Path | None = None,
    frozen: bool = False,
    body_rate: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    epochs: float | None = None,
) -> Training:
    """Train a registered model, or load it where the directory has it trained.

    An interrupted training goes on where it stopped. What is registered with the model says how: ``input`` names its
    representation, ``training`` holds :class:`~partonic.fit.options.FitOptions` and ``size`` or ``particles`` a batch.
    Several processes (``torchrun``) train a network together; trees grow in the first, which alone writes files.

    Args:
        name: of the model.
        train: jets with ``label`` and what the representation reads; may be memory-mapped.
        validation: jets on which the best epoch is chosen.
        directory: where the training's state and log go; the model is saved beside it as ``DIRECTORY.pt``.
        task: classes, and columns of the jets that are estimated too.
        options: of the model's class; its numbers of inputs and outputs are filled in.
        input: name of another representation than the model's own, as ``subjettiness`` for the ``dnn``.
        input_options: of the representation, as ``{"inputs": "kinds"}``.
        training: values in place of those that are registered with the model.
        initial: checkpoint of a trained network of the same name: its options, inputs and weights are taken over, but
            not the weights of the last layer; its batch norms keep their means and variances.
        frozen: train the last layer only; needs ``initial``.
        body_rate: learning rate of the weights taken over, as a share of that of the last layer; needs ``initial``.
        seed: of the initial weights and the order of the jets.
        device: where to train.
        epochs: at most so many, instead of the model's own number; 1.5 are two of three quarters of the jets each.

    Raises:
        UnknownNameError: there is no such model or representation.
        InputError: the labels are not the classes, options contradict each other, or the directory has another model,
            or one of other classes, options, inputs or jets.
        FileError: the checkpoint ``initial`` cannot be read.
    """
    ranks.join(device)
    place = ranks.agreed(directory)
    entry = models.get(name)
    plan = _Plan(entry, task, dict(options), input or entry.facts["input"], dict(input_options))
    start = start_from(initial, frozen, body_rate)
    if start is not None:
        plan = plan.after(start.file)
    plan.check()
    boosted, there = bool(entry.facts.get("boosted")), finished(place)
    fit_options, batching, share = (None, {}, 1.0) if boosted else _options(entry, training, seed, device, epochs)
    before = plan.same(load_training(place), place) if there else None
    task.labels(train), task.labels(validation)
    how = {"batches": batching, "share": share, "tree seed": seed if boosted else None, **facts_of(start)}
    read = {name: plan.read(part) for name, part in (("train", train), ("validation", validation))}
    check_begun(place, read, plan.facts | how, fit_options, done=there)
    if before is not None:
        return before
    if boosted and rank() > 0:
        ranks.wait()
        return load_training(place)
    plan = replace(plan, task=task.scaled(train))
    if fit_options is None:
        done = _boost(plan, train, validation, seed)
    else:
        done = _fit(plan, train, validation, directory, fit_options, batching, share, start)
    _keep(done, place)
    return done


def _keep(done: Training, place: Path) -> None:
    """Write a training beside its directory, from the first process; all wait for it."""
    if rank() == 0:
        save(place.with_suffix(".pt"), done.trained)
        write_json(
            place.with_suffix(".json"), {key: getattr(done, key) for key in ("history", "best_epoch", "seconds")}
        )
    ranks.wait()


def finished(directory: Path) -> bool:
    """Whether :func:`train_tagger` has come to its end with this directory, in the first process."""
    return ranks.agreed(all(directory.with_suffix(ending).exists() for ending in (".pt", ".json")))


def load_training(directory: Path) -> Training:
    """What :func:`train_tagger` has trained with this directory.

    Raises:
        FileError: it has not come to its end there.
    """
    return Training(load(directory.with_suffix(".pt")), **read_json(directory.with_suffix(".json")))


@dataclass(frozen=True)
class _Plan:
    """A model to be trained: what its class and its representation are made with."""

    entry: Entry
    task: Task
    options: dict[str, Any]
    input: str
    input_options: dict[str, Any]

    def after(self, initial: Path) -> _Plan:
        """The same with options and inputs of a trained network.

        Raises:
            InputError: that is another model or has no last layer to replace, or other options or inputs are asked for.
        """
        before = load(initial)
        if before.name != self.entry.name:
            raise InputError(f"{initial} holds the model '{before.name}', not '{self.entry.name}'")
        if not tunable(self.entry, before.options):
            raise InputError(f"'{self.entry.name}' cannot start from {initial}: {UNFIT}")
        for given in (self.options, self.input_options):
            if given:
                raise InputError(f"options and inputs are those of {initial}; leave out {', '.join(given)}")
        return replace(self, options=dict(before.options), input=before.input, input_options=dict(before.input_options))

    def check(self) -> None:
        """Look for what the model cannot do.

        Raises:
            InputError: more than one output of a network of networks.
        """
        if self.entry.facts.get("composite") and self.task.outputs > 1:
            raise InputError(
                f"'{self.entry.name}' trained as one network tells two classes apart and estimates nothing else; train "
                "its members by themselves with partonic.fit.ensemble.train_ensemble"
            )

    def same(self, done: Training, place: Path) -> Training:
        """A finished training, if it is one of this plan.

        Raises:
            InputError: it is not.
        """
        trained = done.trained
        options = {key: trained.options.get(key) for key in self.chosen}  # those left out are as usual
        there = _Plan(models.get(trained.name), trained.task, options, trained.input, dict(trained.input_options)).facts
        for what, wanted in self.facts.items():
            if text(there[what]) != text(wanted):
                raise InputError(
                    f"{place} holds a finished training with {what} {there[what]}, not {wanted}; choose another "
                    "directory"
                )
        return done

    @property
    def chosen(self) -> dict[str, Any]:
        """Options that neither the task nor the inputs say."""
        said = "outputs", width_of(self.entry.cls)
        return {key: value for key, value in self.options.items() if key not in said}

    @property
    def facts(self) -> dict[str, Any]:
        """What of it is of consequence, by name; plain data."""
        task = {"classes": self.task.classes, "targets": self.task.targets}
        return {
            "model": self.entry.name,
            "input": self.input,
            "inputs": self.input_options,
            "options": self.chosen,
            **task,
        }

    def read(self, jets: Events) -> Events:
        """What it reads of jets."""
        return needed(representation(self.input, **self.input_options), jets, ["label", *self.task.targets])

    def trained(self, module: nn.Module, options: Mapping[str, Any]) -> Trained:
        """The model when it is trained."""
        return Trained(self.entry.name, options, module, self.input, self.input_options, task=self.task)


def _options(
    entry: Entry, training: Mapping[str, Any], seed: int, device: str, epochs: float | None
) -> tuple[FitOptions, dict[str, Any], float]:
    """How to train a network, what a batch holds, and the share of the jets that is an epoch."""
    registered: dict[str, Any] = entry.facts.get("training", {})
    if any(key in training for key in BATCHING):
        registered = {key: value for key, value in registered.items() if key not in BATCHING}
    plan = {**registered, **training}
    batching = {key: plan.pop(key) for key in BATCHING if key in plan}
    plan |= {"seed": seed, "device": device}
    share = 1.0
    if epochs is not None:
        if not epochs > 0:
            raise InputError(f"epochs must be above 0, not {epochs}")
        passes = min(epochs, plan.get("epochs", FitOptions.epochs))
        plan["epochs"] = math.ceil(passes)
        share = passes / plan["epochs"]
    return from_tree(FitOptions, plan, f"the training of '{entry.name}'"), batching, share


def _fit(
    plan: _Plan,
    train: Events,
    validation: Events,
    directory: Path,
    options: FitOptions,
    batching: Mapping[str, Any],
    share: float,
    start: Start | None,
) -> Training:
    """Train a network by gradients."""
    represent = representation(plan.input, **plan.input_options)
    usual = representation(plan.entry.facts["input"])
    if gives(represent) != gives(usual):
        raise InputError(
            f"the model '{plan.entry.name}' reads {gives(usual)}, and the representation '{plan.input}' gives "
            f"{gives(represent)}; leave it out, or choose one that gives the same"
        )
    for option in plan.options:
        _usual(plan.entry, option)
    sizes: dict[str, int] = sizes_of(plan.entry.cls, represent)
    if plan.task.outputs > 1 or start is not None:
        sizes["outputs"] = plan.task.outputs
    arguments = {**plan.options, **{key: value for key, value in sizes.items() if value != _usual(plan.entry, key)}}
    if start is not None:
        arguments["outputs"] = plan.task.outputs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        module = plan.entry.cls(**arguments)
    learner, optimiser = (module, None) if start is None else start.taken(module, arguments)
    batches = [
        Batches(
            needed(represent, part, ["label"]),
            represent,
            classes=len(plan.task.classes),
            extra=plan.task.standardised(part),
            **batching,
            **how,
        )
        for part, how in ((train, {"seed": options.seed, "share": share}), (validation, {"shuffle": False}))
    ]
    data, held_out = batches
    described = f"training {directory.name}"
    result = fit(learner, Supervised(plan.task), data, held_out, options, directory, described, optimiser)
    trained = plan.trained(module.to("cpu").eval(), arguments)
    return Training(trained, result.history, result.best_epoch, result.seconds)


def _usual(entry: Entry, option: str) -> Any:
    """What an option of a model's class is by default.

    Raises:
        InputError: the class has no such option.
    """
    parameters = inspect.signature(entry.cls).parameters
    if option not in parameters:
        raise InputError(
            f"the class of the model '{entry.name}' has no keyword '{option}'{nearest(option, parameters)}"
        )
    return parameters[option].default


def _boost(plan: _Plan, train: Events, validation: Events, seed: int) -> Training:
    """Grow boosted trees, on the processor.

    Raises:
        InputError: there are more classes than two, or targets.
    """
    from partonic.models.trees import TreeOptions, train_trees

    if plan.task.outputs > 1:
        raise InputError("boosted trees tell two classes apart and estimate nothing else; choose a network")
    began = time.process_time()
    samples = []
    for jets in (train, validation):
        labels = plan.task.labels(jets)
        values = features_of(jets, plan.input, **plan.input_options)
        samples.append((values, labels, scaled_weight(jets.weight(), labels, balance=True)))
    options = from_tree(TreeOptions, {**plan.options, "seed": seed}, "boosted trees")
    trees = train_trees(*samples[0], samples[1], options)
    return Training(plan.trained(trees, trees.options), [], 0, time.process_time() - began)


def features_of(jets: Events, name: str = "features", **options: Any) -> NDArray[np.float32]:
    """Features of all jets, (jets, F), made a part at a time by a representation of such options."""
    represent = representation(name, **options)
    small = needed(represent, jets)
    parts: list[Any] = [represent(small[start : start + CHUNK]) for start in range(0, len(jets), CHUNK)]
    return np.concatenate([part.values.numpy() for part in parts])


def parameter_count(trained: Trained) -> int:
    """Number of trained numbers: weights of a network, thresholds and leaf values of trees."""
    weights = sum(weight.numel() for weight in trained.module.parameters())
    return weights or sum(values.numel() for values in trained.module.buffers() if values.dtype == torch.float64)


def scoring_rate(trained: Trained, jets: Events, device: str = "cpu") -> Estimate:
    """Jets scored a second from events to probabilities: mean of repeated batches and its standard error."""
    batch = jets[: min(RATE_JETS, len(jets))]
    trained.scores(batch, device=device)
    rates = []
    for _ in range(RATE_BATCHES):
        began = time.perf_counter()
        trained.scores(batch, device=device)
        rates.append(len(batch) / (time.perf_counter() - began))
    spread = float(np.std(rates, ddof=1))
    return Estimate.symmetric(float(np.mean(rates)), spread / np.sqrt(len(rates)), f"{RATE_BATCHES} batches")
