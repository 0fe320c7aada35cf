"""Densities of a file of our own, so that no other package is needed."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def densities(tmp_path_factory):
    x = np.concatenate([np.geomspace(1e-6, 0.1, 40), np.linspace(0.12, 1.0, 20)])
    sea = 0.22 * x**-0.3 * (1 - x) ** 8
    valence = {2: 3.1 * x**0.7 * (1 - x) ** 3.6, 1: 1.9 * x**0.7 * (1 - x) ** 4.4}
    flavours = [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]
    rows = [" ".join(repr(float(valence.get(f, 0 * x)[i] + sea[i])) for f in flavours) for i in range(len(x))]
    lines = ["Format: lhagrid1", "---", " ".join(map(repr, x.tolist())), "10.0 1000.0", " ".join(map(str, flavours))]
    lines += [row for row in rows for _ in range(2)] + ["---"]
    path = tmp_path_factory.mktemp("grid") / "toy_0000.dat"
    path.write_text("\n".join(lines) + "\n")
    return str(path)
