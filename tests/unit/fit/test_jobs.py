"""Trainings of a study: the same with one process and with two, done once, scored beside their checkpoints."""

import pickle
import shutil
import sys
import threading
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import pytest
from toy_jets import toy_jets

from partonic.core.errors import InputError
from partonic.core.recipe import Context
from partonic.core.registry import models
from partonic.fit.jobs import Job, _importable, train_jobs

TRAINING = {"epochs": 1, "size": 32}
MANY = 1_000_000  # said to be so many, else no further process is started


def parts_of(sample):
    """Toy jets; those of another sample are other ones."""
    seed = {"one": 1, "other": 2}[sample]
    return {"train": toy_jets(64, seed), "validation": toy_jets(32, seed + 10), "test": toy_jets(16, seed + 20)}


def jobs(folder):
    options = {"training": TRAINING}
    return [
        Job("pfn", folder / "pfn-1", MANY, "one", {**options, "seed": 1}),
        Job("pfn", folder / "pfn-2", MANY, "one", {**options, "seed": 2}),
        Job("dnn", folder / "dnn-1", MANY, "other", {**options, "seed": 1}),
    ]


def test_two_processes_train_what_one_does_and_nothing_twice(tmp_path, capfd):
    alone, together = tmp_path / "alone", tmp_path / "together"
    one = train_jobs(jobs(alone), parts_of)
    assert "trained dnn-1, 3 of 3" in capfd.readouterr().err
    together.mkdir()
    for file in alone.glob("pfn-1*"):
        if file.is_file():
            shutil.copy(file, together)  # done before the run
    before = (together / "pfn-1.pt").stat().st_mtime_ns
    two = train_jobs(jobs(together), parts_of, workers=2)
    assert (together / "pfn-1.pt").stat().st_mtime_ns == before
    assert "2 of 2" in capfd.readouterr().err
    for first, second, job in zip(one, two, jobs(together), strict=True):
        assert first.history[0]["loss"] == second.history[0]["loss"]
        scores = np.load(job.scores)["scores"]
        np.testing.assert_array_equal(scores, np.load(alone / job.scores.name)["scores"])
        np.testing.assert_allclose(scores, second.trained.scores(parts_of(job.sample)["test"]), rtol=1e-6)
    assert one[0].history[0]["loss"] != one[1].history[0]["loss"]


def test_what_is_done_was_done_with_other_jets(tmp_path):
    first = jobs(tmp_path)[:1]
    train_jobs(first, parts_of)
    with pytest.raises(InputError, match="jets of train are others"):
        train_jobs([replace(first[0], sample="other")], parts_of)


def test_what_other_processes_cannot_import_is_trained_in_this_one(tmp_path, monkeypatch):
    assert _importable(partial(parts_of), jobs(tmp_path))
    notebook = ModuleType("a_notebook")
    exec("def jets(sample): return {}", notebook.__dict__)
    monkeypatch.setitem(sys.modules, "a_notebook", notebook)
    assert not _importable(notebook.jets, jobs(tmp_path))
    monkeypatch.setattr(models.get("pfn").cls, "__module__", "a_notebook")
    assert not _importable(parts_of, jobs(tmp_path))


def test_the_connection_to_a_cluster_stays_where_it_is(tmp_path):
    there = pickle.loads(pickle.dumps(Context(tmp_path, 3, executor=threading.Lock())))
    assert (there.workers, there.executor) == (3, None)
