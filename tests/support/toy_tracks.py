"""Jets of tracks with impact parameters: some from the beam line, some from a known point downstream."""

import numpy as np

from partonic.events import Events, Ragged

ERROR = 0.02  # mm, of both impact parameters


def toy_tracks(n=200, prompt=6, displaced=3, flight=3.0, seed=1, error=ERROR):
    """Jets of 60 GeV along (eta, phi) with prompt tracks, displaced ones and one photon.

    Returns:
        The jets, whose tracks are the displaced first, and the points (n, 3) that these come from, mm.
    """
    rng = np.random.default_rng(seed)
    eta, phi = rng.uniform(-1.5, 1.5, n), rng.uniform(-np.pi, np.pi, n)
    axis = np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)], axis=1) / np.cosh(eta)[:, None]
    place = flight * axis
    count = displaced + prompt + 1
    row = np.repeat(np.arange(n), count)
    number = np.tile(np.arange(count), n)
    own_eta = eta[row] + 0.12 * rng.standard_normal(len(row))
    own_phi = phi[row] + 0.12 * rng.standard_normal(len(row))
    pt = rng.uniform(2, 10, len(row))
    u = np.stack([np.cos(own_phi), np.sin(own_phi)], axis=1)
    start = np.where((number < displaced)[:, None], place[row], 0.0)
    charged = number < displaced + prompt
    d0 = start[:, 0] * u[:, 1] - start[:, 1] * u[:, 0] + error * rng.standard_normal(len(row))
    along = start[:, 0] * u[:, 0] + start[:, 1] * u[:, 1]
    dz = start[:, 2] - along * np.sinh(own_eta) + error * rng.standard_normal(len(row))
    fields = {
        "px": pt * u[:, 0],
        "py": pt * u[:, 1],
        "pz": pt * np.sinh(own_eta),
        "e": np.sqrt((pt * np.cosh(own_eta)) ** 2 + np.where(charged, 0.1396**2, 0.0)),
        "charge": np.where(charged, np.where(number % 2, 1, -1), 0).astype(np.int8),
        "pid": np.where(charged, 211, 22).astype(np.int32),
        "d0": np.where(charged, d0, 0.0),
        "dz": np.where(charged, dz, 0.0),
        "d0_error": np.where(charged, error, 0.0),
        "dz_error": np.where(charged, error, 0.0),
    }
    return Events(collections={"constituents": Ragged.from_counts(np.full(n, count), fields)}), place
