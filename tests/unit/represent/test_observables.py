"""Observables of whole events: hand-made momenta, order, symmetries, what is missing."""

from pathlib import Path

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.events import Events, Ragged
from partonic.io import lhe
from partonic.represent.observables import final_state, seen

LHE = Path(__file__).parents[2] / "data" / "smeftsim_vbfh_200.lhe.gz"


def ragged(counts, **fields):
    return Ragged.from_counts(np.array(counts), {name: np.array(values) for name, values in fields.items()})


def one(pid, px, py, pz, e, status=None):
    status = [1] * len(pid) if status is None else status
    return Events(
        {"k": np.zeros(1)}, {}, {"particles": ragged([len(pid)], pid=pid, px=px, py=py, pz=pz, e=e, status=status)}
    )


def test_three_particles_by_hand():
    event = one(
        [21, 2, 25, 1, 1],
        [0.0, 0.0, 0.0, 30.0, 0.0],
        [0.0, 0.0, 50.0, 0.0, -40.0],
        [7.0, -7.0, 0.0, 40.0, 0.0],
        [7.0, 7.0, 130.0, 50.0, 40.0],
        [-1, -1, 1, 1, 1],
    )
    found = {name: value[0] for name, value in final_state(event).items()}
    assert len(found) == 3 * 2 + 3 * 3
    assert found["log_pt_x1"] == pytest.approx(np.log(51))
    assert found["log_pt_j1"] == pytest.approx(np.log(41))
    assert found["rapidity_j2"] == pytest.approx(np.log(3))
    assert found["log_mass_j1_j2"] == pytest.approx(np.log1p(np.sqrt(90**2 - 30**2 - 40**2 - 40**2)))
    assert found["cos_phi_x1_j1"] == pytest.approx(-1)
    assert abs(found["sin_phi_j1_j2"]) == pytest.approx(1)


def test_a_real_file_in_any_order_of_its_particles():
    events = lhe.read(LHE)
    columns = final_state(events)
    particles = events.collection("particles")
    mixed = np.lexsort((generator(1).random(particles.total), particles.rows))
    shuffled = events.with_collections(
        particles=Ragged(particles.offsets, {k: v[mixed] for k, v in particles.fields.items()})
    )
    for name, values in final_state(shuffled).items():
        np.testing.assert_array_equal(values, columns[name])
        assert np.all(np.isfinite(values))
        assert values.std() > 0
    pt = particles.keep(particles["pid"] == 25)
    np.testing.assert_allclose(np.expm1(columns["log_pt_x1"]), np.hypot(pt["px"], pt["py"]))
    assert np.all(columns["log_pt_j1"] >= columns["log_pt_j2"])


def test_events_that_differ_in_their_final_state_are_refused():
    two = ragged([2, 3], pid=[1, 2, 1, 2, 21], **{k: np.ones(5) for k in ("px", "py", "pz", "e")}, status=np.ones(5))
    with pytest.raises(InputError, match="same number of outgoing quarks"):
        final_state(Events({}, {}, {"particles": two}))
    same = ragged([2, 2], pid=[1, 2, 1, 11], **{k: np.ones(4) for k in ("px", "py", "pz", "e")}, status=np.ones(4))
    with pytest.raises(InputError, match="same number of outgoing quarks"):
        final_state(Events({}, {}, {"particles": same}))
    with pytest.raises(InputError, match="same number"):
        final_state(one([1], [1.0], [0.0], [0.0], [1.0], [-1]))


def test_what_a_detector_saw():
    jets = ragged(
        [3, 1, 0], px=[10.0, 0.0, -20, 5.0], py=[0.0, 30.0, 0.0, 0.0], pz=np.zeros(4), e=[10.0, 30.0, 20.0, 5.0]
    )
    none, some = ragged([0, 0, 0], px=[]), ragged([2, 0, 1], px=np.ones(3))
    columns = {
        "met_pt": np.array([9.0, 0, 1]),
        "met_phi": np.array([np.pi / 2, 0.0, 0.0]),
        "ht": np.array([60.0, 5, 0]),
    }
    events = Events({**columns, "n_jets": jets.counts}, {}, {"jets": jets, "leptons": some, "photons": none})
    found = seen(events)
    np.testing.assert_allclose(found["log_pt_j1"], [np.log(31), np.log(6), 0])
    np.testing.assert_allclose(found["log_pt_j2"], [np.log(21), 0, 0])
    np.testing.assert_allclose(found["log_mass_j1_j2"], [np.log1p(np.sqrt(2500 - 400 - 900)), 0, 0])
    np.testing.assert_allclose(found["cos_phi_met_j1"], [1, 1, 0])
    np.testing.assert_allclose(np.abs(found["sin_phi_j1_j2"]), [1, 0, 0])
    np.testing.assert_array_equal(found["leptons"], [2, 0, 1])
    np.testing.assert_allclose(found["log_met_pt"], np.log([10, 1, 2]))
