"""Names and momenta as this package has them, for files that have their own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from partonic.events import kinematics
from partonic.events.ragged import Array

COLLECTIONS = {
    "jet": "jets",
    "fatjet": "fatjets",
    "electron": "electrons",
    "muon": "muons",
    "lepton": "leptons",
    "photon": "photons",
    "tau": "taus",
    "track": "tracks",
    "genpart": "truth",
    "genparticle": "truth",
    "genjet": "gen_jets",
    "pfcands": "particles",
}
"""Collections that go by a name of their own, by the stem in files."""

WEIGHTS = ("weight", "eventweight", "event_weight", "genweight", "gen_weight", "mcweight", "mc_weight", "evt_weight")
"""Names under which files keep the event weight, in small letters."""

_ENERGY = {"energy": "e", "en": "e"}
_MASS = ("mass", "m")


def clean(name: str) -> str:
    """Small letters, digits and underscores."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "value"


def collection(name: str) -> str:
    """The name of a collection: the usual one where it is known, as ``muons`` for ``Muon``."""
    own = clean(name)
    return COLLECTIONS.get(own.removesuffix("s"), COLLECTIONS.get(own, own))


def free(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken."""
    names = (name if i == 1 else f"{name}_{i}" for i in range(1, len(taken) + 2))
    return next(one for one in names if one not in taken)


def cleaned(names: Sequence[str]) -> dict[str, str]:
    """Clean names, each once, by the names in the file."""
    out: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        out[name] = free(clean(name), taken)
        taken.add(out[name])
    return out


def with_momenta(fields: Mapping[str, Array]) -> dict[str, Array]:
    """The fields of particles with px, py, pz, e (GeV) first, as far as they follow from what is there.

    They are taken from px, py, pz and the energy or mass, or from pt, eta, phi and the energy or mass (0 where there
    is neither, as for photons and tracks); the other fields stay. Without transverse momentum (incoming partons) such
    a file does not tell the momentum along the beam, which is then 0.
    """
    known = {_ENERGY.get(name, name) if _ENERGY.get(name) not in fields else name: fields[name] for name in fields}
    mass = next((known[name] for name in _MASS if name in known), None)
    parts = [known[name] for name in ("px", "py", "pz", "pt", "eta", "phi", "e", *_MASS) if name in known]
    if not all(values.dtype.kind in "iuf" and values.ndim == 1 for values in parts):
        return known
    with np.errstate(all="ignore"):
        if all(name in known for name in ("px", "py", "pz")):
            found = {name: known[name] for name in ("px", "py", "pz")}
            if "e" not in known and mass is not None:
                found["e"] = _energy(found["px"], found["py"], found["pz"], mass)
        elif all(name in known for name in ("pt", "eta", "phi")):
            pt, eta, phi = (_floating(known[name]) for name in ("pt", "eta", "phi"))
            rest = np.zeros_like(pt) if mass is None else _floating(mass)
            eta = np.where(pt == 0, 0, eta)  # the momentum along the beam is lost, and eta any large number
            found = dict(zip(("px", "py", "pz", "e"), kinematics.from_pt_eta_phi_mass(pt, eta, phi, rest), strict=True))
        else:
            return known
    if "e" in known:
        found["e"] = known["e"]
    return {**found, **{name: values for name, values in known.items() if name not in found}}


def _floating(values: Array) -> Array:
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _energy(px: Array, py: Array, pz: Array, mass: Array) -> Array:
    square = px.astype(np.float64) ** 2 + py.astype(np.float64) ** 2 + pz.astype(np.float64) ** 2
    energy: Array = np.sqrt(square + mass.astype(np.float64) ** 2).astype(_floating(px).dtype)
    return energy
