"""The trainings of a study: one after the other, or side by side in processes of their own."""

from __future__ import annotations

import functools
import io
import math
import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType
from typing import Any

import torch

from partonic.core.parallel import PATIENCE_VARIABLE, ordered
from partonic.core.rank import size
from partonic.core.registry import models
from partonic.events.events import Events
from partonic.fit.options import FitOptions
from partonic.fit.tagger import Training, finished, load_training, train_tagger
from partonic.fit.trials import kept_scores, scores_file

PartsOf = Callable[[str], Mapping[str, Events]]
WORTH = 60.0  # seconds of training in all below which further processes, of some seconds each, are not started
USUAL_RATE = 2_000.0  # jets trained on in a second, where a model is registered without
DAYS = 30 * 86_400.0  # no training counts as hung before it has taken so many seconds


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        model: its name.
        directory: where its state goes, see :func:`~partonic.fit.tagger.train_tagger`; no other training has it.
        jets: number of jets that it learns from, at least; few are not worth further processes.
        sample: name of these jets, and of those it is measured on.
        options: further ones of :func:`~partonic.fit.tagger.train_tagger`, as ``{"seed": 2}``.
    """

    model: str
    directory: Path
    jets: int
    sample: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> Path:
        """Where the scores of the test jets are kept."""
        return scores_file(self.directory)


def train_jobs(jobs: Sequence[Job], parts_of: PartsOf, workers: int = 1, device: str = "cpu") -> list[Training]:
    """Train all, or load those that are done, and give them in the order of the jobs.

    On the processor as many as there are workers run at the same time, the longest first, each on one thread, or on as
    many as there are workers for each where jobs are fewer: the results are the same to the bit with any number of
    workers up to that of the jobs. Each scores its test jets, too, see :attr:`Job.scores`. An interrupted training goes
    on where it stopped. Models and recipes that other processes cannot import (of a notebook, of a file given by its
    path) are trained in this one.
    On other devices, and in each of several processes that train together, one follows the other, without scores.

    Args:
        jobs: what to train.
        parts_of: from the name of a sample to its parts ``train``, ``validation`` and ``test``; it must pickle where
            there are several workers.
        workers: processes.
        device: where to train.

    Raises:
        WorkerError: processes died three times, and no training was finished between.
    """
    if device != "cpu" or size() > 1:
        train = _Trainer(parts_of, device)
        return [train.training(job) for job in jobs]
    threads = max(1, min(workers // max(len(jobs), 1), torch.get_num_threads()))
    make = functools.partial(_Trainer, parts_of, device, threads)
    left = [job for job in jobs if not (finished(job.directory) and job.scores.exists())]
    worth = sum(map(_seconds, left)) > WORTH and _importable(parts_of, left)
    count = min(workers, len(left)) if worth else 1
    patience = None if PATIENCE_VARIABLE in os.environ else DAYS
    left.sort(key=_seconds, reverse=True)  # so that all processes end at about the same time
    with closing(ordered(make, left, max(count, 1), patience=patience, ahead=len(left))) as results:
        for number, name in enumerate(results, 1):
            sys.stderr.write(f"trained {name}, {number} of {len(left)}\n")
    checking = make()  # that those done before are of these jets and this plan
    for job in sorted((job for job in jobs if job not in left), key=lambda job: job.sample):
        checking.training(job)
    return [load_training(job.directory) for job in jobs]


def _seconds(job: Job) -> float:
    """About what a training takes."""
    facts = models.get(job.model).facts
    plan = {"epochs": FitOptions.epochs, **facts.get("training", {}), **job.options.get("training", {})}
    epochs = min(int(plan["epochs"]), job.options.get("epochs") or math.inf)
    return float(epochs * job.jets / facts.get("rate", USUAL_RATE))


def _importable(parts_of: PartsOf, jobs: Sequence[Job]) -> bool:
    """Whether another process finds all classes and functions; not those of a notebook or a file given by its path."""
    found = {models.get(job.model).cls.__module__ for job in jobs}

    class Noting(pickle.Pickler):
        """Notes where classes and functions come from."""

        def persistent_id(self, obj: Any) -> None:
            """Nothing is replaced."""
            if isinstance(obj, type | FunctionType):
                found.add(obj.__module__)

    Noting(io.BytesIO()).dump(parts_of)
    tops = {name.partition(".")[0] for name in found} - set(sys.builtin_module_names)
    return all(PathFinder.find_spec(name) is not None for name in tops)


class _Trainer:
    """Does jobs, made once in each process.

    Args:
        parts_of: as of :func:`train_jobs`.
        device: where to train.
        threads: of a training, 0 for torch's default.
    """

    def __init__(self, parts_of: PartsOf, device: str, threads: int = 0) -> None:
        self._parts_of, self._device, self._threads = functools.lru_cache(1)(parts_of), device, threads

    def training(self, job: Job) -> Training:
        """Train, where that is not done yet."""
        parts, options = self._parts_of(job.sample), dict(job.options)
        given = (job.model, parts["train"], parts["validation"], job.directory)
        training = {"threads": self._threads, **options.pop("training", {})}
        return train_tagger(*given, training=training, device=self._device, **options)

    def __call__(self, job: Job) -> str:
        """Train and score the test jets; gives the name of the training."""
        trained = self.training(job).trained
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            kept_scores(job.scores, trained, self._parts_of(job.sample)["test"], self._device)
        finally:
            torch.set_num_threads(before)
        return job.directory.name
