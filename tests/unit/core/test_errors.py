"""Errors: one sentence, the nearest right name, and the built-in kind that callers may catch."""

import pytest

from partonic.core.errors import (
    FileError,
    InputError,
    MissingPackageError,
    PartonicError,
    SimulationError,
    TrainingError,
    UnknownNameError,
    WorkerError,
    nearest,
    require,
    unknown,
)

PROCESSES = ["top", "qcd", "quark", "gluon", "zprime-ttbar", "H4l"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tpo", "; did you mean 'top'?"),
        ("TOP", "; did you mean 'top'?"),
        ("h4L", "; did you mean 'H4l'?"),
        ("zprime", "; did you mean 'zprime-ttbar'?"),
        ("quarks", "; did you mean 'quark'?"),
        ("electron", "; there are: H4l, gluon, qcd, quark, top, zprime-ttbar"),
        ("", "; there are: H4l, gluon, qcd, quark, top, zprime-ttbar"),
    ],
)
def test_nearest_names_what_is_meant_or_all_there_is(name, said):
    assert nearest(name, PROCESSES) == said


def test_nearest_of_nothing_says_nothing():
    assert nearest("top", []) == ""


def test_nearest_takes_any_iterable_and_keeps_the_spelling():
    assert nearest("PFN", (name for name in ("pfn", "cnn"))) == "; did you mean 'pfn'?"
    assert nearest("jet", ["Jet", "jet"]) in ("; did you mean 'Jet'?", "; did you mean 'jet'?")


def test_unknown_reads_as_a_sentence():
    error = unknown("process", "tpo", PROCESSES)
    assert isinstance(error, KeyError)
    assert str(error) == "unknown process 'tpo'; did you mean 'top'?"


@pytest.mark.parametrize(
    ("kind", "built_in"),
    [
        (InputError, ValueError),
        (UnknownNameError, KeyError),
        (FileError, OSError),
        (MissingPackageError, ImportError),
        (SimulationError, RuntimeError),
        (TrainingError, RuntimeError),
        (WorkerError, RuntimeError),
    ],
)
def test_every_error_is_a_partonic_error_and_of_a_built_in_kind(kind, built_in):
    error = kind("the file x is 'empty'")
    assert isinstance(error, PartonicError)
    assert isinstance(error, built_in)
    assert str(error) == "the file x is 'empty'"


def test_an_error_without_words_prints_nothing():
    assert str(InputError()) == ""


def test_require_gives_the_package_or_says_how_to_install_it():
    assert require("json", "simulate").__name__ == "json"
    with pytest.raises(MissingPackageError, match=r"'no_such_package'.*pip install 'partonic\[simulate\]'"):
        require("no_such_package", "simulate")
