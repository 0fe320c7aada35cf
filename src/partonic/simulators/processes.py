"""The processes that can be simulated: Pythia's settings, the label, and what a jet must contain to count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partonic.core.errors import InputError, unknown
from partonic.core.registry import simulators

Level = Literal["jets", "events"]

WINDOWS = {"fast": (480 / 550, 850 / 650), "faithful": (400 / 550, 1000 / 650)}
"""Range of pT-hat as multiples of the lower and upper end of the jets' pt range.

For jets of 550 to 650 GeV, ``fast`` is 480 to 850 GeV: jets that come from a pT-hat below by radiation off the initial
state, a fifth of the tops and a quarter of the QCD jets, are lost. ``faithful`` is 400 to 1000 GeV and loses a tenth.
"""

QUARKS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Match:
    """What a jet must hold: everything named lies within the jet's radius of its axis.

    Args:
        pids: absolute particle numbers of the parton or resonance.
        prongs: quarks from its decay that must be inside too; 0 for a parton of the hard process.
        required: whether jets without a match are dropped, or kept with truth columns of 0.
        flavour: whether jets also carry ``flavour``, by the hadrons and taus in them
            (:func:`partonic.simulators.truth.jet_flavours`).
    """

    pids: tuple[int, ...]
    prongs: int = 0
    required: bool = True
    flavour: bool = False


@dataclass(frozen=True)
class Process:
    """One kind of collision.

    Args:
        name: what users call it.
        description: one line for the list of processes.
        settings: lines for Pythia.
        level: whether a row of the sample is a jet or a collision, unless asked otherwise.
        label: its code, see ``LABELS``.
        match: what its jets must hold; ``None`` takes every jet.
        boosted: whether pT-hat is limited to a window around the jets' pt range.
        lhe: file of parton-level events that are showered, or ``""``.
    """

    name: str
    description: str
    settings: tuple[str, ...]
    level: Level
    label: int
    match: Match | None = None
    boosted: bool = False
    lhe: str = ""


def _on(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}=on" for name in names)


def _decay(resonance: int, *products: int) -> tuple[str, str]:
    """Only decays with one of the products."""
    return f"{resonance}:onMode=off", f"{resonance}:onIfAny={' '.join(map(str, products))}"


_TTBAR = _on("Top:gg2ttbar", "Top:qqbar2ttbar")
_W_QUARKS = _decay(24, *QUARKS)
_Z_QUARKS = _decay(23, *QUARKS)
_Z_NEUTRINOS = _decay(23, 12, 14, 16)
_ONLY_Z = "WeakZ0:gmZmode=2"
_HIGGS = ("25:m0=125.0",)
_LIGHT = _on(*(f"HardQCD:{k}" for k in ("gg2gg", "gg2qqbar", "qg2qg", "qq2qq", "qqbar2gg", "qqbar2qqbarNew")))
_PAIRS = (*_on("HardQCD:gg2qqbar", "HardQCD:qqbar2qqbarNew"), "HardQCD:nQuarkNew=3")
_GLUON_FUSION = ("HiggsSM:gg2H=on", *_HIGGS)


def _jets(name: str, label: int, match: Match, description: str, *settings: str) -> Process:
    return Process(name, description, settings, "jets", label, match, boosted=True)


def _events(name: str, label: int, description: str, *settings: str) -> Process:
    return Process(name, description, settings, "events", label)


_ALL = (
    _jets("qcd", 0, Match((*QUARKS, 21), required=False), "jets of light quarks and gluons", *_LIGHT),
    _jets("top", 1, Match((6,), prongs=3), "boosted top quarks that decay to quarks", *_TTBAR, *_W_QUARKS),
    _jets(
        "w",
        2,
        Match((24,), prongs=2),
        "boosted W bosons that decay to quarks, from W + jet",
        *_on("WeakBosonAndParton:qqbar2Wg", "WeakBosonAndParton:qg2Wq"),
        *_W_QUARKS,
    ),
    _jets(
        "z",
        3,
        Match((23,), prongs=2),
        "boosted Z bosons that decay to quarks, from Z + jet",
        *_on("WeakBosonAndParton:qqbar2gmZg", "WeakBosonAndParton:qg2gmZq"),
        _ONLY_Z,
        *_Z_QUARKS,
    ),
    _jets(
        "hbb",
        4,
        Match((25,), prongs=2),
        "boosted Higgs bosons that decay to b quarks, from ZH with Z -> neutrinos",
        "HiggsSM:ffbar2HZ=on",
        *_HIGGS,
        *_decay(25, 5),
        *_Z_NEUTRINOS,
    ),
    _jets(
        "quark",
        5,
        Match(QUARKS),
        "quark jets, from Z + quark with Z -> neutrinos",
        "WeakBosonAndParton:qg2gmZq=on",
        _ONLY_Z,
        *_Z_NEUTRINOS,
    ),
    _jets(
        "gluon",
        6,
        Match((21,)),
        "gluon jets, from Z + gluon with Z -> neutrinos",
        "WeakBosonAndParton:qqbar2gmZg=on",
        _ONLY_Z,
        *_Z_NEUTRINOS,
    ),
    _jets(
        "bb",
        7,
        Match((5,), flavour=True),
        "dijets of b quarks",
        *_on("HardQCD:gg2bbbar", "HardQCD:qqbar2bbbar"),
    ),
    _jets(
        "cc",
        8,
        Match((4,), flavour=True),
        "dijets of c quarks",
        *_on("HardQCD:gg2ccbar", "HardQCD:qqbar2ccbar"),
    ),
    _jets("ss", 20, Match((3,), flavour=True), "dijets of s quarks", *_PAIRS),
    _jets("light", 21, Match((1, 2), flavour=True), "dijets of u and d quarks", *_PAIRS),
    _jets("gg", 22, Match((21,), flavour=True), "dijets of gluons", *_on("HardQCD:gg2gg", "HardQCD:qqbar2gg")),
    _jets(
        "tautau",
        23,
        Match((15,), flavour=True),
        "tau leptons that decay to hadrons, from Z + jet",
        *_on("WeakBosonAndParton:qqbar2gmZg", "WeakBosonAndParton:qg2gmZq"),
        _ONLY_Z,
        *_decay(23, 15),
        "15:offIfAny=11 13",
    ),
    _events("ttbar", 10, "top-quark pairs, all decays", *_TTBAR),
    _events(
        "zprime-ttbar",
        11,
        "Z' of 1.5 TeV to a pair of top quarks, all their decays",
        *("NewGaugeBoson:ffbar2gmZZprime=on", "Zprime:gmZmode=3", "32:m0=1500"),
        *_decay(32, 6),
    ),
    _events(
        "drell-yan",
        12,
        "electron and muon pairs above a mass of 60 GeV",
        *("WeakSingleBoson:ffbar2gmZ=on", "PhaseSpace:mHatMin=60"),
        *_decay(23, 11, 13),
    ),
    _events("h-tautau", 13, "gluon fusion to a Higgs boson to tau leptons", *_GLUON_FUSION, *_decay(25, 15)),
    _events(
        "h-4l",
        14,
        "gluon fusion to a Higgs boson to four electrons or muons",
        *_GLUON_FUSION,
        *("25:onMode=off", "25:onIfMatch=23 23"),
        *_decay(23, 11, 13),
    ),
    _events(
        "h-jet",
        15,
        "Higgs boson to photons and a jet through the top loop, pT-hat above 100 GeV",
        *_on("HiggsSM:gg2Hg(l:t)", "HiggsSM:qg2Hq(l:t)", "HiggsSM:qqbar2Hg(l:t)"),
        *_HIGGS,
        *("PhaseSpace:pTHatMin=100", "25:onMode=off", "25:onIfMatch=22 22"),
    ),
    _events(
        "wbf-h",
        16,
        "weak-boson fusion to a Higgs boson to tau leptons",
        *_on("HiggsSM:ff2Hff(t:WW)", "HiggsSM:ff2Hff(t:ZZ)"),
        *_HIGGS,
        *_decay(25, 15),
    ),
    _events(
        "h2-hh",
        17,
        "heavy Higgs boson of 500 GeV to two of 125 GeV to four b quarks",
        *("Higgs:useBSM=on", "HiggsBSM:gg2H2=on", "35:m0=500", "35:onMode=off", "35:onIfMatch=25 25"),
        *_HIGGS,
        *_decay(25, 5),
    ),
    _events(
        "g-hh",
        18,
        "graviton of 2 TeV to two Higgs bosons to four b quarks",
        *_on("ExtraDimensionsG*:gg2G*", "ExtraDimensionsG*:ffbar2G*"),
        "5100039:m0=2000",
        *_decay(5100039, 25),
        *_HIGGS,
        *_decay(25, 5),
    ),
)

PROCESSES = {process.name: process for process in _ALL}

LHE = "lhe:"
LHE_LABEL = 30

LABELS = {process.name: process.label for process in _ALL} | {"lhe": LHE_LABEL}
"""Code of each process in the column ``label``; 0 is the usual background, 1 the usual signal."""


def process_names() -> list[str]:
    """Every name that can be asked for, in the order of the list; ``lhe:FILE`` stands for any file."""
    return [*PROCESSES, f"{LHE}FILE"]


def get_process(name: str) -> Process:
    """The process of a name, or one that showers a file: ``lhe:events.lhe.gz``.

    Raises:
        UnknownNameError: there is no such process.
        InputError: ``lhe:`` without a file.
    """
    if name.startswith(LHE):
        file = name.removeprefix(LHE)
        if not file:
            raise InputError("'lhe:' needs the name of a file, as lhe:events.lhe.gz")
        return Process(name, f"parton-level events of {file}", (), "events", LHE_LABEL, lhe=file)
    if name not in PROCESSES:
        raise unknown("process", name, [*process_names(), *simulators.names()])
    return PROCESSES[name]
