"""What users may ask for, and what they are told otherwise."""

import dataclasses

import pytest

from partonic.core.config import from_tree, to_tree
from partonic.core.errors import InputError, PartonicError, UnknownNameError
from partonic.simulators.options import SimulationOptions, events_at_once, plan, settings
from partonic.simulators.processes import LABELS, PROCESSES, get_process, process_names

JETS = ["top", "qcd", "quark", "gluon", "w", "z", "hbb", "bb", "cc", "ss", "light", "gg", "tautau"]
EVENTS = ["zprime-ttbar", "ttbar", "drell-yan", "h-tautau", "h-4l", "h-jet", "wbf-h", "h2-hh", "g-hh"]


def test_all_processes_are_there():
    assert sorted(process_names()) == sorted([*JETS, *EVENTS, "lhe:FILE"])
    assert LABELS["qcd"] == 0
    assert LABELS["top"] == 1
    assert len(set(LABELS.values())) == len(LABELS)
    assert max(LABELS.values()) < 127
    assert {name for name, process in PROCESSES.items() if process.level == "jets"} == set(JETS)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"process": "tpo"}, "unknown process 'tpo'; did you mean 'top'?"),
        ({"process": "drellyan"}, "did you mean 'drell-yan'?"),
        ({"process": "lhe:"}, "'lhe:' needs the name of a file"),
        ({"n": 0}, "the number of jets or events must be a whole number of 1 or more, not 0"),
        ({"n": -5}, "1 or more, not -5"),
        ({"n": 2.5}, "whole number"),
        ({"workers": 0}, "the number of workers must be a whole number of 1 or more, not 0"),
        ({"workers": -1}, "1 or more, not -1"),
        ({"seed": -1}, "the seed must be a whole number of 0 or more"),
        ({"seed": 900_000_000}, "between 0 and 899,999,999 (Pythia's limit)"),
        ({"detector": "atlass"}, "unknown detector 'atlass'; did you mean 'atlas'?"),
        ({"window": "slow"}, "unknown pT-hat window 'slow'"),
        ({"level": "event"}, "did you mean 'events'?"),
        ({"pt_min": 650.0}, "the pT window from 650 to 650 GeV is empty"),
        ({"pt_min": 700.0, "pt_max": 600.0}, "the pT window from 700 to 600 GeV is empty"),
        ({"pt_min": 0.0}, "pt_min must be 1 GeV or more"),
        ({"pt_min": float("nan")}, "pt_min must be 1 GeV or more, not nan"),
        ({"pt_max": float("nan")}, "is empty"),
        ({"energy": 900.0}, "cannot come from collisions at 900 GeV"),
        ({"energy": -1.0}, "the energy must be between 10 and 1,000,000 GeV"),
        ({"radius": 0.0}, "the radius of the jets must be between 0.05 and 3"),
        ({"eta_max": 0.0}, "eta_max must be above 0"),
        ({"pileup": -1.0}, "pileup must be between 0 and 400"),
        ({"pileup": float("nan")}, "pileup must be between 0 and 400"),
        ({"alpha_s": 0.5}, "alpha_s must be between 0.06 and 0.25"),
        ({"paired": True, "detector": "truth"}, "paired jets need a detector"),
        ({"cells": True, "detector": "truth"}, "cells need a detector (atlas or cms) and samples of jets"),
        ({"cells": True, "level": "events"}, "cells need a detector (atlas or cms) and samples of jets"),
        ({"level": "events", "pt_max": 100.0}, "pt_max has no meaning for samples of events"),
        ({"process": "lhe:x.lhe", "energy": 13000.0}, "the energy of the beams is in the file"),
    ],
)
def test_bad_options_end_in_one_sentence(changes: dict, sentence: str):
    with pytest.raises(PartonicError) as error:
        SimulationOptions(**{"process": "top", "n": 10, **changes})
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_errors_are_of_the_kinds_python_users_expect():
    with pytest.raises(KeyError):
        get_process("nothing")
    with pytest.raises(ValueError):
        SimulationOptions("top", 0)
    assert issubclass(UnknownNameError, KeyError)
    assert issubclass(InputError, ValueError)


def test_defaults_follow_the_level():
    jets, events = plan(SimulationOptions("top", 1)), plan(SimulationOptions("ttbar", 1))
    assert (jets.level, jets.radius, jets.pt_min, jets.pt_max, jets.energy) == ("jets", 0.8, 550, 650, 14000)
    assert (events.level, events.radius, events.pt_min) == ("events", 0.4, 25)
    assert plan(SimulationOptions("top", 1, level="events")).radius == 0.4
    assert plan(SimulationOptions("lhe:somewhere.lhe", 1)).energy is None


@pytest.mark.parametrize(
    ("window", "pt", "limits"),
    [("fast", (550, 650), (480, 850)), ("faithful", (550, 650), (400, 1000)), ("fast", (1100, 1300), (960, 1700))],
)
def test_the_window_of_pt_hat_follows_the_jets(window: str, pt: tuple, limits: tuple):
    lines = settings(SimulationOptions("qcd", 1, window=window, pt_min=pt[0], pt_max=pt[1]))
    assert f"PhaseSpace:pTHatMin={limits[0]}" in lines
    assert f"PhaseSpace:pTHatMax={limits[1]}" in lines
    assert not any("pTHat" in line for line in settings(SimulationOptions("ttbar", 1, window=window)))


def test_options_survive_plain_data():
    options = SimulationOptions("qcd", 7, seed=3, pt_min=400.0, mpi=True)
    assert from_tree(SimulationOptions, to_tree(options)) == options
    assert dataclasses.replace(options, n=8).seed == 3


def test_crowded_events_are_taken_fewer_at_once():
    assert events_at_once(SimulationOptions("top", 1)) == 250
    assert events_at_once(SimulationOptions("top", 1, mpi=True)) < 250
    assert events_at_once(SimulationOptions("top", 1, pileup=50)) < 10
    assert events_at_once(SimulationOptions("top", 1, pileup=400)) >= 1
