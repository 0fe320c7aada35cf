"""What to simulate: the options that users give, and the plan with every default filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from partonic.core.errors import InputError, unknown
from partonic.core.rng import chunk_seed
from partonic.simulators.medium import Medium, medium_of
from partonic.simulators.processes import WINDOWS, Level, Process, get_process

if TYPE_CHECKING:
    from collections.abc import Iterable

ENERGY = 14_000.0
CHUNK = 500
_DETECTORS = ("atlas", "cms", "truth")
_LEVELS = ("jets", "events")
# Of jets in samples of jets and of events: radius, lowest pt (GeV), largest abs(eta).
_JETS = {"jets": (0.8, 550.0, 2.0), "events": (0.4, 25.0, 4.5)}
_JETS_PT_MAX = 650.0
_PILEUP_MAX = 400.0


@dataclass(frozen=True)
class SimulationOptions:
    """What to simulate; the same options give the same events, whatever the number of workers.

    Args:
        process: name of a process (``partonic list`` shows them), or ``lhe:FILE``.
        n: number of accepted jets or events.
        workers: processes to use; by default 1.
        seed: of the run, 0 to 899,999,999; by default 1.
        detector: ``atlas`` (the default), ``cms``, or ``truth`` for none.
        level: ``jets`` or ``events``, what a row of the sample is; by default what is usual for the process.
        energy: centre-of-mass energy (GeV); by default 14000, and for ``lhe:FILE`` that of the file.
        radius: of the anti-kT jets; by default 0.8 for samples of jets, 0.4 for events.
        pt_min: lowest pt of a jet (GeV); by default 550 for samples of jets, 25 for events.
        pt_max: highest pt of a jet (GeV), for samples of jets only; by default 650.
        eta_max: largest abs(eta) of a jet; by default 2 for samples of jets, 4.5 for events.
        window: range of pT-hat of boosted processes, ``fast`` (the default) or ``faithful`` (fewer jets lost at its
            edges, slower).
        mpi: multi-parton interactions, which cost a factor of 3 to 15 in time.
        pileup: mean number of minimum-bias collisions that are overlaid; by default none.
        variations: weights for the renormalisation scale of the parton shower, up and down.
        paired: the same jets without a detector beside those with one.
        cells: the cells of the calorimeters, in layers of depth, beside the constituents of jets.
        medium: what partons go through between shower and hadronisation: ``disc``, a toy of jet quenching, or
            ``vacuum``, which goes the same way and changes nothing; by default no such step.
        medium_loss: mean share of its energy that a quark loses a fm of its path; by default that of the medium.
        medium_kick: mean squared transverse momentum (GeV^2) that a quark gains a fm; by default that of the medium.
        alpha_s: strong coupling at the Z mass in the shower of the final state; by default that of Pythia, 0.1365.

    Raises:
        UnknownNameError: there is no such process, detector, level or window.
        InputError: a number is out of its range, or options contradict each other.
    """

    process: str
    n: int
    workers: int = 1
    seed: int = 1
    detector: str = "atlas"
    level: str | None = None
    energy: float | None = None
    radius: float | None = None
    pt_min: float | None = None
    pt_max: float | None = None
    eta_max: float | None = None
    window: str = "fast"
    mpi: bool = False
    pileup: float = 0.0
    variations: bool = False
    paired: bool = False
    cells: bool = False
    medium: str | None = None
    medium_loss: float | None = None
    medium_kick: float | None = None
    alpha_s: float | None = None

    def __post_init__(self) -> None:
        plan(self)


@dataclass(frozen=True)
class Plan:
    """The options with every default filled in.

    Args:
        process: what collides to what.
        level: what a row is.
        energy: centre-of-mass energy (GeV), None where the file gives it.
        radius: of the jets.
        pt_min: lowest pt of a jet (GeV).
        pt_max: highest pt of a jet (GeV); infinity for events.
        eta_max: largest abs(eta) of a jet.
        medium: what partons go through before they become hadrons; None for no such step.
    """

    process: Process
    level: Level
    energy: float | None
    radius: float
    pt_min: float
    pt_max: float
    eta_max: float
    medium: Medium | None = None


def plan(options: SimulationOptions) -> Plan:
    """Check the options and fill in what depends on the process.

    Raises:
        UnknownNameError: there is no such process, detector, level or window.
        InputError: a number is out of its range, or options contradict each other.
    """
    process = get_process(options.process)
    _choose("detector", options.detector, _DETECTORS)
    _choose("pT-hat window", options.window, WINDOWS)
    level = options.level or process.level
    _choose("level", level, _LEVELS)
    _check_counts(options)
    if options.paired and options.detector == "truth":
        raise InputError("paired jets need a detector (atlas or cms): without one both would be the same")
    if options.cells and (options.detector == "truth" or level == "events"):
        raise InputError("cells need a detector (atlas or cms) and samples of jets: leave them out, or choose both")
    if options.energy is not None and process.lhe:
        raise InputError("the energy of the beams is in the file of parton-level events; leave out the option energy")
    if options.pt_max is not None and level == "events":
        raise InputError("pt_max has no meaning for samples of events, which keep every jet above pt_min")
    radius, pt_min, eta_max = _JETS[level]
    filled = Plan(
        process=process,
        level="jets" if level == "jets" else "events",
        energy=None if process.lhe else _given(options.energy, ENERGY),
        radius=_given(options.radius, radius),
        pt_min=_given(options.pt_min, pt_min),
        pt_max=_given(options.pt_max, _JETS_PT_MAX) if level == "jets" else math.inf,
        eta_max=_given(options.eta_max, eta_max),
        medium=_medium(options, level),
    )
    _check_ranges(filled)
    return filled


def _medium(options: SimulationOptions, level: str) -> Medium | None:
    if options.medium is None:
        if options.medium_loss is not None or options.medium_kick is not None:
            raise InputError("medium_loss and medium_kick need a medium: add medium=disc, or leave them out")
        return None
    if level == "events":
        raise InputError("a medium needs samples of jets, whose rows say what they lost in it: leave it out")
    return medium_of(options.medium, options.medium_loss, options.medium_kick)


def _given(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _choose(kind: str, name: str, choices: Iterable[str]) -> None:
    if name not in choices:
        raise unknown(kind, str(name), choices)


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be a whole number of {least} or more, not {value!r}")


def _check_counts(options: SimulationOptions) -> None:
    _whole("the number of jets or events", options.n, 1)
    _whole("the number of workers", options.workers, 1)
    _whole("the seed", options.seed, 0)
    chunk_seed(options.seed, 0)
    if not 0 <= options.pileup <= _PILEUP_MAX:
        raise InputError(f"pileup must be between 0 and {_PILEUP_MAX:g} collisions, not {options.pileup}")
    if options.alpha_s is not None and not 0.06 <= options.alpha_s <= 0.25:
        raise InputError(f"alpha_s must be between 0.06 and 0.25, the range of Pythia's shower, not {options.alpha_s}")


def _check_ranges(filled: Plan) -> None:
    if filled.energy is not None and not 10 <= filled.energy <= 1e6:
        raise InputError(f"the energy must be between 10 and 1,000,000 GeV, not {filled.energy}")
    if not 0.05 <= filled.radius <= 3:
        raise InputError(f"the radius of the jets must be between 0.05 and 3, not {filled.radius}")
    if not 0 < filled.eta_max <= 10:
        raise InputError(f"eta_max must be above 0 and at most 10, not {filled.eta_max}")
    if not filled.pt_min >= 1:
        raise InputError(f"pt_min must be 1 GeV or more, not {filled.pt_min}")
    if not filled.pt_min < filled.pt_max:
        raise InputError(
            f"the pT window from {filled.pt_min:g} to {filled.pt_max:g} GeV is empty; pt_max must be above pt_min"
        )
    half = math.inf if filled.energy is None else filled.energy / 2
    if filled.pt_min >= half:
        raise InputError(
            f"jets above pt_min = {filled.pt_min:g} GeV cannot come from collisions at {filled.energy:g} GeV"
        )


def settings(options: SimulationOptions) -> tuple[str, ...]:
    """Pythia's settings for the hard process and its shower."""
    from partonic.simulators.passage import SETTINGS as MEDIUM_SETTINGS
    from partonic.simulators.pythia import variation_settings

    filled = plan(options)
    process = filled.process
    lines = [f"PartonLevel:MPI={'on' if options.mpi else 'off'}"]
    if filled.energy is not None:
        lines.append(f"Beams:eCM={filled.energy:g}")
    if process.boosted:
        lower, upper = WINDOWS[options.window]
        lines.append(f"PhaseSpace:pTHatMin={lower * filled.pt_min:.6g}")
        lines.append(f"PhaseSpace:pTHatMax={upper * filled.pt_max:.6g}")
    lines += process.settings
    if options.alpha_s is not None:
        lines.append(f"TimeShower:alphaSvalue={options.alpha_s:g}")
    if options.variations:
        lines += variation_settings()
    if filled.medium is not None:
        lines += MEDIUM_SETTINGS
    return tuple(lines)


def events_at_once(options: SimulationOptions) -> int:
    """Events of a chunk that are in memory together: fewer where each holds more particles."""
    share = CHUNK // 4 if options.mpi else CHUNK // 2
    return max(5, int(share / (1 + options.pileup)))
