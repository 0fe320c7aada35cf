import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.simulators.muon_pairs import MuonPairOptions, muon_pairs, pair_columns, toy_muon_pairs


def test_pairs_are_within_the_cuts_and_kept(tmp_path):
    pytest.importorskip("pythia8mc")
    made = muon_pairs(300, 5, folder=tmp_path)
    assert len(made) == 300
    assert min(made.column("pt1").min(), made.column("pt2").min()) > 20
    assert max(abs(made.column("eta1")).max(), abs(made.column("eta2")).max()) < 2.4
    mass = made.column("mass")
    assert 60 < mass.min() < mass.max() < 120
    assert abs(np.median(mass) - 91) < 1
    kept = list(tmp_path.glob("*.parquet"))
    stamp = kept[0].stat().st_mtime_ns
    again = muon_pairs(300, 5, folder=tmp_path)
    np.testing.assert_array_equal(again.column("pt1"), made.column("pt1"))
    assert (len(kept), kept[0].stat().st_mtime_ns) == (1, stamp)


def test_columns_of_two_momenta():
    one, two = np.array([[30.0, 0.0, 0.0]]), np.array([[-30.0, 0.0, 40.0]])
    columns = {name: float(values[0]) for name, values in pair_columns(one, two).items()}
    assert columns["pt1"] == 30.0
    assert columns["eta2"] == pytest.approx(np.arcsinh(4 / 3))
    assert abs(columns["dphi"]) == pytest.approx(np.pi)
    total = 30 + 50
    assert columns["mass"] == pytest.approx(np.sqrt(total**2 - 40**2))


def test_options_are_checked():
    with pytest.raises(InputError, match="masses that rise"):
        MuonPairOptions(low=120.0, high=60.0)
    with pytest.raises(InputError, match="1 or more, not 0"):
        muon_pairs(0)


def test_the_toy_has_an_exact_resonance():
    wide = MuonPairOptions(pt_min=1e-3, eta_max=12.0, low=70.0, high=110.0)
    made = toy_muon_pairs(20_000, generator(1), wide)
    mass = made.column("mass")
    low, high, cut = (np.arctan((m**2 - 91.19**2) / (91.19 * 2.5)) for m in (70.0, 110.0, 90.0))
    assert np.mean(mass < 90.0) == pytest.approx((cut - low) / (high - low), abs=0.012)
    one, two = (made.column(f"pt{i}") * np.exp(1j * a) for i, a in ((1, made.column("dphi")), (2, 0.0)))
    assert np.abs(one + two).mean() == pytest.approx(12.0, abs=0.4)
    assert len(toy_muon_pairs(500, generator(2))) == 500
    with pytest.raises(InputError, match="hardly a muon pair"):
        toy_muon_pairs(10, generator(2), MuonPairOptions(pt_min=5_000.0, energy=1e5))
