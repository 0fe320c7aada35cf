"""A classifier between two weighted samples, each event judged by one that did not see it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit

from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.fit.batches import TensorBatches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.metrics.counting import effective_count
from partonic.metrics.pair import SamplePair
from partonic.metrics.tagging import auc
from partonic.models.dnn import DNN
from partonic.models.trees import TreeOptions, train_trees
from partonic.objectives.supervised import cross_entropy
from partonic.represent.batch import Features

Floats = NDArray[np.float64]
CLASSIFIERS = ("trees", "mlp")
HELD = 0.2  # of what is trained on: chooses the number of trees or the epoch
AT_ONCE = 65_536
BINS = 255  # of a feature, of equal numbers of events


@dataclass(frozen=True)
class CrossFit:
    """What the classifiers say of every event.

    Args:
        truth: (n,) logarithm of the ratio of densities, truth over generated, at the events of the truth.
        generated: (m,) the same at the generated events.
        auc: area under the ROC curve, mean over the folds.
        p_value: one-sided chance of as large an area for equal distributions.
    """

    truth: Floats
    generated: Floats
    auc: Estimate
    p_value: float


def cross_fit(
    pair: SamplePair,
    *,
    classifier: str = "trees",
    folds: int = 2,
    seed: int = 0,
    trees: TreeOptions | None = None,
    fold: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    fewest: int = 10,
) -> CrossFit:
    r"""Train a classifier for each fold on the other folds, and judge the fold with it.

    Both samples get the same total weight. The error of the area is DeLong's in each fold, times :math:`\sqrt 2` in
    all: folds that train each other are correlated, and for a classifier that is linear in its data and equal
    distributions the variance is twice that of independent folds, whatever their number.

    Args:
        pair: the samples; no weight is negative.
        classifier: ``trees``, boosted, or ``mlp``, a dense network.
        folds: their number, 2 or more.
        seed: of the folds and the training.
        trees: how trees are grown; by default up to 100, as many as suit a fifth of the training events best.
        fold: of each event of both samples, from 0, where the same events stand in both with other weights; drawn if
            None.
        fewest: events of positive weight that each sample needs in each fold, 1 or more where ``trees`` are given.

    Raises:
        UnknownNameError: there is no such classifier.
        InputError: fewer than 2 folds, or a sample has too few events of positive weight.
    """
    if classifier not in CLASSIFIERS:
        raise unknown("classifier", classifier, CLASSIFIERS)
    if folds < 2:
        raise InputError(f"a cross-fit needs 2 folds or more, not {folds}")
    x = np.concatenate([pair.truth, pair.generated])
    label = np.repeat([1, 0], [len(pair.truth), len(pair.generated)])
    weight = np.concatenate([pair.weight_truth, pair.weight_generated]) * (0.5 * len(x))
    if fold is None:
        fold = (
            _folds(pair.weight_truth, folds, fewest, generator(seed, 0)),
            _folds(pair.weight_generated, folds, fewest, generator(seed, 1)),
        )
    place = np.concatenate(fold)
    learn = _train_network if classifier == "mlp" else _grow
    log_ratio = np.empty(len(x))
    areas = []
    for k in range(folds):
        judged = place == k
        log_ratio[judged] = learn(x[~judged], label[~judged], weight[~judged], x[judged], seed + k, trees)
        areas.append(auc(log_ratio[judged], label[judged], weight[judged]))
    area = _mean(areas)
    counts = [effective_count(share) for share in _shares(pair)]
    return CrossFit(log_ratio[label == 1], log_ratio[label == 0], area, _p_value(area, counts))


def _shares(pair: SamplePair) -> tuple[Floats, Floats]:
    return pair.weight_truth, pair.weight_generated


def _folds(share: Floats, folds: int, fewest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A fold for each event, with the same number of events of positive weight in all."""
    order = np.argsort(rng.random(len(share)) + (share == 0))  # those of no weight come last
    there = int(np.count_nonzero(share))
    if there < fewest * folds:
        raise InputError(
            f"a sample has {there} events of positive weight; a classifier in {folds} folds needs "
            f"{fewest * folds} or more"
        )
    fold = np.empty(len(share), dtype=np.int64)
    fold[order] = np.arange(len(share)) % folds
    return fold


def _mean(areas: list[Estimate]) -> Estimate:
    """Mean over folds; symmetric in the logit, as the areas are."""
    if any(one.method == "binomial" for one in areas):  # a fold is separated completely
        value, low, high = (float(np.mean([getattr(one, name) for one in areas])) for name in ("value", "low", "high"))
        return Estimate(value, low, high, "binomial", "the classifier separates the samples completely")
    value = float(np.mean([one.value for one in areas]))
    spreads = [0.5 * (logit(one.high) - logit(one.low)) * one.value * (1 - one.value) for one in areas]
    error = math.sqrt(2 * float(np.sum(np.square(spreads)))) / len(areas) / (value * (1 - value))
    centre = logit(value)
    note = next((one.note for one in areas if one.note), "")
    return Estimate(value, float(expit(centre - error)), float(expit(centre + error)), "DeLong", note)


def _p_value(area: Estimate, counts: list[float]) -> float:
    """From the distance to 1/2 in errors; samples that do not overlap have the error of equal distributions."""
    if area.high == area.low:  # all scores are equal
        distance = 0.0
    elif area.method == "DeLong":
        distance = 2 * logit(area.value) / (logit(area.high) - logit(area.low))
    else:
        distance = (area.value - 0.5) / math.sqrt(2 * sum(1 / (12 * count) for count in counts))
    return 0.5 * math.erfc(distance / math.sqrt(2))


def _grow(
    x: Floats, label: NDArray[np.int64], weight: Floats, asked: Floats, seed: int, options: TreeOptions | None
) -> Floats:
    held = np.zeros(len(x), dtype=bool)
    if options is None:
        options = TreeOptions(trees=100, learning_rate=0.1, leaves=31, feature_share=1.0, seed=seed)
        held = generator(seed, 2).random(len(x)) < HELD
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1])) for column in x.T]
    binned = _binned(x, edges)
    validation = (binned[held], label[held], weight[held]) if held.any() else None
    grown = train_trees(binned[~held], label[~held], weight[~held], validation, options)
    return _logits(grown, _binned(asked, edges))


def _binned(x: Floats, edges: list[Floats]) -> Floats:
    """Numbers of bins, which trees split as they would the values; scikit-learn's own bins are slow to weigh."""
    return np.stack(
        [np.searchsorted(ends, column, side="right") for ends, column in zip(edges, x.T, strict=True)], axis=1
    ).astype(np.float64)


def _train_network(
    x: Floats, label: NDArray[np.int64], weight: Floats, asked: Floats, seed: int, options: TreeOptions | None
) -> Floats:
    if options is not None:
        raise InputError("options of trees are given for a classifier that has none; choose the classifier trees")
    low, high = np.quantile(x, [0.159, 0.841], axis=0)
    unit = np.where(high > low, 0.5 * (high - low), 1.0)
    centre = 0.5 * (low + high)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DNN(x.shape[1], (64, 64, 64), (0.0, 0.0, 0.0))
    held = generator(seed, 2).random(len(x)) < HELD
    batches = []
    for rows, shuffle in ((~held, True), (held, False)):
        values = Features(torch.from_numpy(((x[rows] - centre) / unit).astype(np.float32)))
        size = min(512, max(64, len(x) // 20))
        batches.append(TensorBatches(values, label[rows], weight[rows], size=size, seed=seed, shuffle=shuffle))
    how = FitOptions(epochs=20, learning_rate=2e-3, weight_decay=1e-3, patience=4, seed=seed, threads=1)
    fit(network, cross_entropy, batches[0], batches[1], how, description="training a classifier")
    return _logits(network, (asked - centre) / unit)


def _logits(model: torch.nn.Module, x: Floats) -> Floats:
    values = torch.from_numpy(x.astype(np.float32))
    with torch.inference_mode():
        parts = [model(Features(part)).double() for part in torch.split(values, AT_ONCE)]
    result: Floats = torch.cat(parts).numpy()
    return result
