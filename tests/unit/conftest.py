"""Samples and real files that the tests of readers and writers share."""

import os
from pathlib import Path

import numpy as np
import pytest

from partonic.events import Events, Link, Ragged

DATA = Path(__file__).parents[1] / "data"


def build_sample(n: int = 37, seed: int = 1) -> Events:
    """Events with everything in them: several types, axes, weights of both signs, links, gold, events without items."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(5, n)
    counts[: min(n, 3)] = 0
    total = counts.sum()
    momenta = rng.standard_normal((4, total)).astype(np.float32)
    particles = {"px": momenta[0], "py": momenta[1], "pz": momenta[2], "e": np.linalg.norm(momenta, axis=0) + 1}
    particles |= {"pid": rng.choice([211, -211, 22], total).astype(np.int32), "cell": rng.random((total, 2, 3))}
    jet_counts = np.minimum(counts, 2)
    per_jet = np.repeat(counts, jet_counts)
    link_counts = rng.integers(0, per_jet + 1)
    index = np.concatenate([np.arange(k) for k in link_counts]) if len(link_counts) else np.zeros(0)
    jets = Ragged.from_counts(
        jet_counts,
        {"pt": rng.random(jet_counts.sum()), "btag": rng.random(jet_counts.sum()) > 0.5},
        {
            "constituents": Link(
                "particles", np.concatenate([[0], np.cumsum(link_counts)]).astype(np.int64), index.astype(np.int64)
            )
        },
    )
    return Events(
        {
            "label": rng.integers(0, 2, n).astype(np.int8),
            "met": rng.random(n).astype(np.float32),
            "split": rng.choice(["train", "val", "größer"], n),
            "theta": rng.random((n, 2)),
            "good": rng.random(n) > 0.5,
        },
        {"nominal": rng.standard_normal(n), "scale up": rng.random(n).astype(np.float32)},
        {"particles": Ragged.from_counts(counts, particles), "jets": jets},
        {"joint_score": rng.random((n, 2)), "joint_ratio": rng.random(n)},
        {"process": "top", "seed": 3, "nested": {"list": [1, 2.5, None]}},
    )


def check_same(a: Events, b: Events) -> None:
    """Every array equal, of the same type and shape."""
    assert len(a) == len(b)
    for one, other in ((a.columns, b.columns), (a.weights, b.weights), (a.gold, b.gold)):
        assert list(one) == list(other)
        for name in one:
            same_array(one[name], other[name], name)
    assert list(a.collections) == list(b.collections)
    for name, ragged in a.collections.items():
        twin = b.collections[name]
        same_array(ragged.offsets, twin.offsets, name)
        assert list(ragged.fields) == list(twin.fields)
        for field in ragged.fields:
            same_array(ragged[field], twin[field], f"{name}.{field}")
        assert list(ragged.links) == list(twin.links)
        for key, link in ragged.links.items():
            assert link.target == twin.links[key].target
            same_array(link.offsets, twin.links[key].offsets, key)
            same_array(link.index, twin.links[key].index, key)


def same_array(a, b, name: str) -> None:
    """Equal in value, shape and (but for the width of text) type."""
    assert a.shape == b.shape, name
    assert a.dtype.kind == b.dtype.kind, name
    assert a.dtype.kind == "U" or a.dtype == b.dtype, name
    np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.fixture(scope="session")
def make_sample():
    """Function (n, seed) -> Events."""
    return build_sample


@pytest.fixture(scope="session")
def assert_same():
    """Function (Events, Events) that fails where anything differs."""
    return check_same


@pytest.fixture
def sample() -> Events:
    return build_sample()


@pytest.fixture(scope="session")
def lhe_file() -> Path:
    return DATA / "smeftsim_vbfh_200.lhe.gz"


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("PARTONIC_TEST_DATA")
    if not folder:
        pytest.skip("PARTONIC_TEST_DATA is not set: the larger real files are not checked")
    return Path(folder)
