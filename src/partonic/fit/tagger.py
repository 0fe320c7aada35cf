"""Train a tagger by its name: representation, model, batches and options as its registration says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.config import from_tree
from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.files import read_json, write_json
from partonic.core.rank import rank
from partonic.core.registry import Entry, models
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.batches import Batches, scaled_weight
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.models.checkpoint import Trained, load, save
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation

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
        seconds: time in training and validation, over all sessions of a resumed training.
    """

    trained: Trained
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float


def labels_of(jets: Events) -> NDArray[np.int64]:
    """Labels of jets, 1 for signal and 0 for background, (jets,).

    Raises:
        InputError: there is another label, or one class only.
    """
    labels = np.asarray(jets.column("label")).astype(np.int64)
    found = np.unique(labels)
    if not np.isin(found, (0, 1)).all():
        raise InputError(f"labels must be 0 (background) or 1 (signal), found {', '.join(map(str, found[:6]))}")
    if len(found) < 2:
        raise InputError(
            f"the sample of {len(labels):,} jets holds one class only (label {found[0]}); give jets of both"
        )
    return labels


def train_tagger(
    name: str,
    train: Events,
    validation: Events,
    directory: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    epochs: int | None = None,
) -> Training:
    """Train a registered model to tell label 1 from label 0, or load it where the directory has it trained.

    An interrupted training goes on where it stopped. What is registered with the model says how: ``input`` names its
    representation, ``training`` holds :class:`~partonic.fit.options.FitOptions` and ``size`` or ``particles`` a batch.
    Several processes (``torchrun``) train a network together; trees grow in the first, which alone writes files.

    Args:
        name: of the model.
        train: jets with ``label`` and ``constituents``; may be memory-mapped.
        validation: jets on which the best epoch is chosen.
        directory: where the training's state and log go; the model is saved beside it as ``DIRECTORY.pt``.
        seed: of the initial weights and the order of the jets.
        device: where to train.
        epochs: at most so many, instead of the model's own number.

    Raises:
        UnknownNameError: there is no such model.
        InputError: the labels are not two classes.
    """
    checkpoint, record = ranks.agreed((directory.with_suffix(".pt"), directory.with_suffix(".json")))
    if ranks.agreed(checkpoint.exists() and record.exists()):
        return Training(load(checkpoint), **read_json(record))
    entry = models.get(name)
    labels_of(train), labels_of(validation)
    boosted = bool(entry.facts.get("boosted"))
    if boosted and rank() > 0:
        ranks.wait()
        return Training(load(checkpoint), **read_json(record))
    teach = _boost if boosted else _fit
    training = teach(entry, train, validation, directory, seed, device, epochs)
    if rank() == 0:
        save(checkpoint, training.trained)
        write_json(record, {key: getattr(training, key) for key in ("history", "best_epoch", "seconds")})
    ranks.wait()
    return training


def _fit(
    entry: Entry, train: Events, validation: Events, directory: Path, seed: int, device: str, epochs: int | None
) -> Training:
    """Train a network by gradients."""
    plan: Mapping[str, Any] = entry.facts.get("training", {})
    known = {f.name for f in fields(FitOptions)}
    tree = {key: value for key, value in plan.items() if key in known} | {"seed": seed, "device": device}
    if epochs is not None:
        tree["epochs"] = min(epochs, int(tree.get("epochs", FitOptions.epochs)))
    options = from_tree(FitOptions, tree, f"the training of '{entry.name}'")
    batching = {key: plan[key] for key in BATCHING if key in plan}
    represent = representation(entry.facts["input"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = entry.cls()
    data = Batches(train.select(["label"], ["constituents"]), represent, seed=seed, **batching)
    held_out = Batches(validation.select(["label"], ["constituents"]), represent, shuffle=False, **batching)
    result = fit(module, cross_entropy, data, held_out, options, directory, f"training {directory.name}")
    module.to("cpu")
    trained = Trained(entry.name, {}, module, entry.facts["input"])
    return Training(trained, result.history, result.best_epoch, result.seconds)


def _boost(
    entry: Entry, train: Events, validation: Events, directory: Path, seed: int, device: str, epochs: int | None
) -> Training:
    """Grow boosted trees, on the processor; ``epochs`` has no meaning for them."""
    del directory, device, epochs
    from partonic.models.trees import TreeOptions, train_trees

    name = entry.facts["input"]
    began = time.perf_counter()
    samples = []
    for jets in (train, validation):
        labels = labels_of(jets)
        samples.append((features_of(jets, name), labels, scaled_weight(jets.weight(), labels, balance=True)))
    trees = train_trees(*samples[0], samples[1], TreeOptions(seed=seed))
    trained = Trained(entry.name, trees.options, trees, name)
    return Training(trained, [], 0, time.perf_counter() - began)


def features_of(jets: Events, name: str = "features") -> NDArray[np.float32]:
    """High-level features of all jets, (jets, F), made a part at a time."""
    represent = representation(name)
    small = jets.select(columns=[], collections=["constituents"])
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
