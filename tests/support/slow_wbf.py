"""Weak boson fusion by its Feynman rules, slowly: spinors, full propagators, vertices of the Lagrangian.

The couplings of the Higgs boson are those of Hagiwara, Ishihara, Szalapski and Zeppenfeld (Phys. Rev. D48 (1993) 2182).
Everything is written for arrays of events, one term of the amplitude after the other, and shares no formula with the
package.
"""

import itertools

import numpy as np

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex)
LEFT = PAULI * np.array([1, -1, -1, -1])[:, None, None]  # sigma-bar
QUARKS = {1: (-0.5, -1 / 3), 2: (0.5, 2 / 3), 3: (-0.5, -1 / 3), 4: (0.5, 2 / 3), 5: (-0.5, -1 / 3)}


def times(p, q):
    return np.einsum("nm,mk,nk->n", p, METRIC, q)


def spinor(p, helicity):
    theta, phi = np.arctan2(np.hypot(p[:, 1], p[:, 2]), p[:, 3]), np.arctan2(p[:, 2], p[:, 1])
    if helicity > 0:
        parts = [np.cos(theta / 2), np.sin(theta / 2) * np.exp(1j * phi)]
    else:
        parts = [-np.sin(theta / 2) * np.exp(-1j * phi), np.cos(theta / 2)]
    return np.sqrt(2 * p[:, 0])[:, None] * np.stack(parts, -1)


def current(before, after, helicity):
    """Current of a quark, upper index."""
    sigma = PAULI if helicity > 0 else LEFT
    return np.einsum("ni,mij,nj->nm", spinor(after, helicity).conj(), sigma, spinor(before, helicity))


def propagator(q, mass):
    """(-g + q q / M^2) / (q^2 - M^2), both indices up."""
    outer = np.einsum("nm,nk->nmk", q, q) / mass**2 if mass else 0.0
    return (-METRIC + outer) / (times(q, q) - mass**2)[:, None, None]


def field_strengths(q1, q2):
    """Vertex of H X_{mn} Y^{mn}."""
    return -2 * (times(q1, q2)[:, None, None] * METRIC - np.einsum("nm,nk->nmk", q2, q1))


def derivative(q1, q2, strength):
    """Vertex of X_{mn} Y^m d^n H, X the boson number ``strength`` with the field strength; indices (first, second)."""
    total = q1 + q2
    own = q1 if strength == 1 else q2
    vertex = np.einsum("nm,nk->nmk", total, own) - times(own, total)[:, None, None] * METRIC
    return vertex if strength == 1 else vertex.transpose(0, 2, 1)


def vertices(k, q1, q2):
    """(first boson, second boson) -> vertices of (SM, f_W, f_WW), lower indices."""
    g, s, c = k.weak, k.sin, k.cos
    kappa = g * k.w_mass / k.vev**2
    one = np.broadcast_to(METRIC, (len(q1), 4, 4))
    zero, strengths = 0 * one, field_strengths(q1, q2)
    first, second = derivative(q1, q2, 1), derivative(q1, q2, 2)
    mixed = kappa * s / (2 * c)
    return {
        "WW": (g * k.w_mass * one, kappa / 2 * (first + second), -kappa * strengths),
        "ZZ": (g * k.z_mass / c * one, kappa / 2 * (first + second), -(c**2) * kappa / 2 * 2 * strengths),
        "ZA": (zero, mixed * second, -s * c * kappa * strengths),
        "AZ": (zero, mixed * first, -s * c * kappa * strengths),
        "AA": (zero, zero, -(s**2) * kappa / 2 * 2 * strengths),
    }


def amplitudes(k, p, kinds, helicities, anti):
    """Amplitudes of (SM, f_W, f_WW) without couplings of quarks, (3, n)."""
    lines = [(p[0], p[2]), (p[1], p[3])]
    currents = [
        current(*(line[::-1] if is_anti else line), h) for line, h, is_anti in zip(lines, helicities, anti, strict=True)
    ]
    q = [line[0] - line[1] for line in lines]
    masses = {"W": k.w_mass, "Z": k.z_mass, "A": 0.0}
    legs = [
        np.einsum("nm,mk,nkl,lo->no", j, METRIC, propagator(each, masses[kind]), METRIC)
        for j, each, kind in zip(currents, q, kinds, strict=True)
    ]
    return np.stack([np.einsum("nm,nmk,nk->n", legs[0], v, legs[1]) for v in vertices(k, *q)[kinds]])


def coupling(k, kind, flavour, helicity):
    isospin, charge = QUARKS[abs(flavour)]
    isospin = isospin if helicity < 0 else 0.0
    if kind == "W":
        return k.weak / np.sqrt(2) if helicity < 0 else 0.0
    return k.weak / k.cos * (isospin - charge * k.sin2) if kind == "Z" else k.electric * charge


def sigma(k, densities, x, p, theta):
    """Sum over partons of f f |M|^2 / (2 s) for (charged, neutral) currents at theta, (2, n).

    ``densities(flavour, x)`` is f; p are the momenta of partons 1 and 2 and quarks 3 and 4, each (n, 4).
    """
    couplings = np.array([1.0, *theta])
    known = {}

    def amplitude(kinds, helicities, anti):
        key = kinds, helicities, anti
        if key not in known:
            known[key] = couplings @ amplitudes(k, p, *key)
        return known[key]

    flux = 1 / 4 / (2 * 2 * times(p[0], p[1]))
    result = np.zeros((2, len(x[0])))
    flavours = [f * sign for f in QUARKS for sign in (1, -1)]
    for one, two in itertools.product(flavours, flavours):
        weight = densities(one, x[0]) * densities(two, x[1]) * flux
        anti = (one < 0, two < 0)
        charges = [np.sign(f) * (1 if abs(f) % 2 == 0 else -1) for f in (one, two)]
        if charges[0] == -charges[1] and 5 not in (abs(one), abs(two)):
            strength = coupling(k, "W", one, -1) * coupling(k, "W", two, -1)
            result[0] += weight * abs(strength * amplitude("WW", (-1, -1), anti)) ** 2
        for chirality in itertools.product((-1, 1), (-1, 1)):
            total = 0
            for kinds in ("ZZ", "ZA", "AZ", "AA") if k.photons else ("ZZ",):
                strength = coupling(k, kinds[0], one, chirality[0]) * coupling(k, kinds[1], two, chirality[1])
                total = total + strength * amplitude(kinds, chirality, anti)
            result[1] += weight * abs(total) ** 2
    return result
