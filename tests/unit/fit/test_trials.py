"""Repeated trainings: which jets each of them gets, for how many epochs, and scores that are made once."""

import math

import numpy as np
import pytest
from toy_jets import toy_jets

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.registry import models
from partonic.fit.trials import check_enough, drawn, epochs_for, kept_scores
from partonic.models.checkpoint import Trained

LABELS = np.random.default_rng(1).permutation(np.repeat([0, 1], [600, 400]))


def test_jets_are_drawn_half_of_each_class_and_trainings_have_their_own():
    sets = [drawn(LABELS, 101, number, seed=3) for number in (1, 2, 3)]
    for rows in sets:
        assert len(rows) == 101
        assert (np.diff(rows) > 0).all()
        assert LABELS[rows].sum() == 51
    assert not set(sets[0]) & set(sets[1])
    np.testing.assert_array_equal(sets[1], drawn(LABELS, 101, 2, seed=3))
    assert set(sets[0]) != set(drawn(LABELS, 101, 1, seed=4))


def test_where_jets_run_out_they_are_used_again_and_never_twice_in_one_training():
    first, second = (drawn(LABELS, 600, number, seed=0) for number in (1, 2))
    assert len(np.unique(second)) == 600
    assert set(first) & set(second)
    assert len(drawn(LABELS, 5_000, 1, seed=0)) == len(LABELS)


def test_few_jets_are_shown_more_often():
    plan = models.get("pfn").facts["training"]
    assert epochs_for("pfn", 10**7, steps=100) == plan["epochs"]
    assert epochs_for("pfn", plan["size"], steps=100) == 100
    assert epochs_for("pfn", plan["size"] * 2, steps=101) == 51
    with pytest.raises(UnknownNameError, match="pfn"):
        epochs_for("pfm", 100)


def test_time_limits_the_passes_and_never_adds_any():
    facts = models.get("pfn").facts
    rate, size, own = facts["rate"], facts["training"]["size"], facts["training"]["epochs"]
    assert epochs_for("pfn", 60 * rate, minutes=3.25, steps=10**6) == pytest.approx(3.25)
    assert epochs_for("pfn", 60 * rate, minutes=0.5) == pytest.approx(0.5)
    assert epochs_for("pfn", 1_000, minutes=1e6) == own
    assert epochs_for("pfn", 10**7, minutes=1e-9) == pytest.approx(size / 10**7)


@pytest.mark.parametrize("minutes", [0.4, 1.0, 2.32, 2.34, 2.7, 3.1, 8.2])
def test_the_time_of_validation_counts(minutes):
    rate = models.get("pfn").facts["rate"]
    jets, held_out = 60 * rate, 30 * rate
    passes = epochs_for("pfn", jets, minutes, validation=held_out)
    taken = passes * jets / rate + math.ceil(passes) * held_out / rate / 3
    assert 0.5 * minutes < taken / 60 <= minutes + 1e-9
    assert epochs_for("pfn", jets, 1.01 * minutes, validation=held_out) >= passes


def test_each_class_has_its_half_of_the_jets():
    labels = np.arange(2_000) % 10 == 0
    check_enough(labels.astype(int), 400)
    with pytest.raises(InputError, match=r"600 jets, half of each class, and there are 200 of one class.*up to 400"):
        check_enough(labels.astype(int), 600)
    check_enough(np.arange(1_990) % 2, 2_000)  # as a random split leaves them


@pytest.mark.parametrize("damaged", [b"", b"nothing", b"PK\x03\x04"])
def test_damaged_scores_are_made_anew(tmp_path, damaged):
    trained, jets = Trained("pfn", {}, models.get("pfn").cls(), "packed"), toy_jets(5)
    (tmp_path / "scores.npz").write_bytes(damaged)
    np.testing.assert_array_equal(kept_scores(tmp_path / "scores.npz", trained, jets), trained.scores(jets))


def test_scores_are_made_once_for_the_same_jets_and_weights(tmp_path, monkeypatch):
    entry, jets, others = models.get("pfn"), toy_jets(20), toy_jets(20, seed=5)
    one, other = (Trained("pfn", {}, entry.cls(), "packed") for _ in range(2))
    file, made = tmp_path / "scores.npz", []
    scoring = Trained.scores
    monkeypatch.setattr(Trained, "scores", lambda *args, **how: made.append(1) or scoring(*args, **how))
    asked = (one, jets, 1), (one, jets, 1), (other, jets, 2), (other, others, 3), (one, jets, 4)
    for trained, sample, count in asked:
        np.testing.assert_array_equal(kept_scores(file, trained, sample), scoring(trained, sample))
        assert len(made) == count
