"""A directory of a training is not taken for that of another one."""

import numpy as np
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Ragged
from partonic.fit.begun import FILE, check_begun, mark
from partonic.fit.loop import STATE
from partonic.fit.options import FitOptions


def sample(jets=20, seed=1, **columns):
    rng = np.random.default_rng(seed)
    offsets = np.arange(jets + 1) * 3
    return Events(
        {"label": np.arange(jets) % 2, **columns},
        {"nominal": rng.random(jets)},
        {"constituents": Ragged(offsets, {"px": rng.normal(size=3 * jets), "e": 1 + rng.random(3 * jets)})},
    )


def begin(directory, train, validation=None, options=None, done=True, **plan):
    plan = {"model": "pfn", "inputs": {"radius": 0.8}} | plan
    check_begun(directory, {"train": train, "validation": validation or sample(6)}, plan, options, done)


def test_the_same_jets_and_options_go_on(tmp_path):
    for done in (False, True):
        begin(tmp_path / "a", sample(), options=FitOptions(epochs=3), done=done)
    begin(tmp_path / "a", sample(), options=FitOptions(epochs=3, threads=2))  # does not change the outcome


@pytest.mark.parametrize(
    ("train", "validation", "options", "said"),
    [
        (sample(30), None, {}, "train had 20 jets and has 30"),
        (sample(seed=2), None, {}, "the 20 jets of train are others"),
        (sample(), sample(6, seed=3), {}, "the 6 jets of validation are others"),
        (sample(), None, {"epochs": 4, "seed": 2}, "epochs was 3 and is 4; seed was 0 and is 2"),
    ],
)
def test_others_are_refused(tmp_path, train, validation, options, said):
    begin(tmp_path, sample(), options=FitOptions(epochs=3), done=False)
    with pytest.raises(InputError, match=said):
        begin(tmp_path, train, validation, FitOptions(**{"epochs": 3, **options}))


@pytest.mark.parametrize("plan", [{"model": "cnn"}, {"inputs": {"radius": 0.4}}, {"frozen": True}])
def test_another_plan_is_refused(tmp_path, plan):
    begin(tmp_path, sample(), done=False)
    with pytest.raises(InputError, match=f"{next(iter(plan))} was .* and is "):
        begin(tmp_path, sample(), **plan)


@pytest.mark.parametrize("written", ["{}", "[]", '{"jets": 3, "plan": {}}'])
def test_a_note_of_another_form_is_said(tmp_path, written):
    (tmp_path / FILE).write_text(written)
    with pytest.raises(FileError, match="does not say what a training was begun with"):
        begin(tmp_path, sample())


def test_options_of_another_version_may_differ(tmp_path):
    begin(tmp_path, sample(), options=FitOptions(epochs=3), done=False)
    file = tmp_path / FILE
    file.write_text(file.read_text().replace('"version": "', '"version": "0.0.'))
    begin(tmp_path, sample(), options=FitOptions(epochs=4))
    with pytest.raises(InputError, match="others"):
        begin(tmp_path, sample(seed=2), options=FitOptions(epochs=3))


def test_what_is_finished_without_a_note_gets_none(tmp_path):
    begin(tmp_path, sample())
    assert not (tmp_path / FILE).exists()


def test_what_has_saved_nothing_begins_anew(tmp_path):
    begin(tmp_path, sample(), done=False)
    begin(tmp_path, sample(30), options=FitOptions(), done=False)
    (tmp_path / STATE).touch()
    with pytest.raises(InputError, match="has 20"):
        begin(tmp_path, sample(), options=FitOptions(), done=False)


def test_marks_depend_on_all_that_is_read():
    usual = sample()
    others = [sample(seed=2), usual.with_columns(label=1 - usual.column("label")), usual.with_columns(mass=np.ones(20))]
    moved = usual.collections["constituents"]
    shifted = Events(
        usual.columns,
        usual.weights,
        {"constituents": Ragged(moved.offsets, {**moved.fields, "e": moved.fields["e"] * 1.01})},
    )
    marks = [mark(one) for one in (usual, *others, shifted)]
    assert len(set(marks)) == len(marks)
    assert mark(sample()) == marks[0]


def test_marks_see_each_label_and_no_types():
    usual = sample(20_000)
    label = usual.column("label").copy()
    label[7] = 1 - label[7]
    assert mark(usual.with_columns(label=label)) != mark(usual)
    assert mark(usual.with_columns(label=usual.column("label").astype(np.int8))) == mark(usual)
