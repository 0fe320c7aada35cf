import numpy as np
import pytest
from toy_jets import boosted, changed, from_cylinder, mirrored, permuted, pythia_jets, toy_jets, turned

from partonic.core.errors import BadJetError, InputError
from partonic.events import Events, Ragged
from partonic.represent.image import JetImage, _place


def reference(px, py, pz, e, size=40, width=1.6):
    """One image, step by step, with obvious NumPy."""
    px, py, pz, e = (np.asarray(values, dtype=np.float64) for values in (px, py, pz, e))
    pt, y, phi = np.hypot(px, py), np.arctanh(pz / e), np.arctan2(py, px)
    axis = np.angle(np.sum(pt * np.exp(1j * phi)))
    phi = np.angle(np.exp(1j * (phi - axis)))  # far from the wrap
    z = pt / pt.sum()
    place = np.stack([y - z @ y, phi - z @ phi])
    _, vectors = np.linalg.eigh((z * place) @ place.T)
    across, along = vectors.T @ place  # eigenvalues rise
    along *= 1 if pt[along > 0].sum() >= pt[along < 0].sum() else -1
    across *= 1 if pt[across > 0].sum() >= pt[across < 0].sum() else -1
    edges = np.linspace(-width / 2, width / 2, size + 1)
    image, _, _ = np.histogram2d(along, across, bins=(edges, edges), weights=pt)
    return image / image.sum()


@pytest.mark.parametrize("events", [toy_jets(100, smallest=5), pythia_jets()], ids=["toy", "pythia"])
def test_equals_the_slow_reference(events):
    images = JetImage(size=32, side=1.2)(events).pixels.numpy()
    c = events.collection("constituents")
    assert images.shape == (len(events), 1, 32, 32)
    assert images.dtype == np.float32
    for jet in range(len(events)):
        items = slice(c.offsets[jet], c.offsets[jet + 1])
        expected = reference(*(c[name][items] for name in ("px", "py", "pz", "e")), size=32, width=1.2)
        np.testing.assert_allclose(images[jet, 0], expected, atol=1e-6, err_msg=f"jet {jet}")


@pytest.mark.parametrize(
    "change",
    [
        lambda events: turned(events, 2.0),
        lambda events: boosted(events, 0.8),
        lambda events: mirrored(events, "pz"),
        lambda events: mirrored(events, "py"),
        permuted,
    ],
    ids=["azimuth", "boost", "mirror z", "mirror y", "permutation"],
)
def test_an_image_does_not_know_where_its_jet_points(change):
    events = toy_jets(100, smallest=5)
    before, after = (JetImage()(sample).pixels.numpy() for sample in (events, change(events)))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_an_image_does_not_know_how_its_jet_is_turned_about_its_axis():
    rng = np.random.default_rng(4)
    pt, place = rng.exponential(20, 40), rng.normal(0, [[0.25], [0.1]], (2, 40))
    images = []
    for angle in (0.0, 0.7, 2.5, 4.0):
        eta = np.cos(angle) * place[0] - np.sin(angle) * place[1]
        phi = np.sin(angle) * place[0] + np.cos(angle) * place[1]
        images.append(JetImage()(from_cylinder([40], pt, eta + 0.5, phi + 3.0)).pixels.numpy())
    for other in images[1:]:
        np.testing.assert_allclose(other, images[0], atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"upright": False}, {"inputs": "kinds", "size": 9}])
def test_places_on_the_cylinder_give_the_images_of_their_momenta(options):
    events = changed(pythia_jets(), charge=np.arange(pythia_jets().collection("constituents").total) % 3 - 1)
    c = events.collection("constituents")
    px, py, pz, e = (c[name].astype(np.float64) for name in ("px", "py", "pz", "e"))
    turns = 2 * np.pi * (np.arange(c.total) % 5 - 2)
    places = {"pt": np.hypot(px, py), "y": np.arctanh(pz / e), "phi": np.arctan2(py, px) + turns}
    particles = Ragged(c.offsets, {**places, "charge": c["charge"]})
    before = {name: values.copy() for name, values in places.items()}
    drawn = JetImage(**options).of_cylinder(Events({}, {}, {"constituents": particles})).pixels.numpy()
    np.testing.assert_allclose(drawn, JetImage(**options)(events).pixels.numpy(), atol=1e-6)
    for name, values in before.items():
        np.testing.assert_array_equal(particles[name], values)


@pytest.mark.parametrize(
    ("counts", "pt", "y", "said"),
    [
        ([1, 0], [1.0], [0.0], "row 1: it has no constituent"),
        ([1, 1], [1.0, 0.0], [0.0, 0.0], r"row 1: its constituent 0 has \(pt, y, phi\) = \(0, 0, 0\)"),
        ([1], [1.0], [0.0], r"row 0: its constituent 0 has \(pt, y, phi\) = \(1, 0, 1e\+08\)"),
        ([2], [1.0, 1.0], [0.0, np.inf], r"row 0: its constituent 1 has \(pt, y, phi\) = \(1, inf, 0\)"),
    ],
)
def test_bad_places_on_the_cylinder_are_told(counts, pt, y, said):
    particles = Ragged.from_counts(np.array(counts), {"pt": np.array(pt), "y": np.array(y), "phi": np.zeros(len(pt))})
    if "1e" in said:
        particles["phi"][:] = 1e8
    with pytest.raises(BadJetError, match=said):
        JetImage().of_cylinder(Events({}, {}, {"constituents": particles}))


def test_principal_axis_is_upright_and_the_hard_side_is_up_and_right():
    pt, eta, phi = [60, 40, 10, 20], [0.3, -0.3, 0.05, 0.05], [0.0, 0.0, 0.2, -0.15]
    image = JetImage()(from_cylinder([4], pt, eta, phi)).pixels[0, 0].numpy()
    rows, columns = image.sum(axis=1), image.sum(axis=0)
    centre = np.arange(40) - 19.5
    assert rows @ centre**2 > columns @ centre**2
    assert rows[20:].sum() > 0.5
    assert columns[20:].sum() > 0.5


def test_pixels_sum_to_one():
    images = JetImage()(pythia_jets()).pixels.numpy()
    np.testing.assert_allclose(images.sum(axis=(1, 2, 3)), 1, atol=1e-5)
    assert images.min() == 0


def test_a_single_constituent_is_one_pixel_in_the_middle():
    image = JetImage(size=9)(from_cylinder([1], [100], [0.3], [3.1])).pixels[0, 0].numpy()
    assert image[4, 4] == pytest.approx(1)
    assert image.sum() == pytest.approx(1)


def test_what_falls_outside_is_lost():
    pair = from_cylinder([2], [10, 10], [-3.0, 3.0], [0.0, 0.0])
    assert JetImage()(pair).pixels.sum() == 0
    wide = JetImage(side=8.0)(pair).pixels
    assert wide.sum() == pytest.approx(1)


@pytest.mark.parametrize("options", [{"size": 0}, {"side": 0.0}, {"side": float("nan")}])
def test_bad_options(options):
    with pytest.raises(InputError, match="an image needs a size of 1 or more and a side above 0"):
        JetImage(**options)


def test_kinds_have_channels_of_their_own():
    pt, eta, phi = np.array([40.0, 30, 20, 10]), np.array([0.4, -0.4, 0.4, -0.4]), np.array([0.4, 0.4, -0.4, -0.4])
    jet = changed(from_cylinder([4], pt, eta, phi), charge=np.array([1, 0, -1, 0]))
    charged, neutral, number = JetImage(inputs="kinds", upright=False)(jet).pixels[0].numpy()
    np.testing.assert_allclose(np.sort(charged[charged > 0]), [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(np.sort(neutral[neutral > 0]), [0.1, 0.3], rtol=1e-6)
    np.testing.assert_array_equal(number, 0.5 * (charged > 0))
    np.testing.assert_array_equal(charged + neutral, JetImage(upright=False)(jet).pixels[0, 0].numpy())
    with pytest.raises(InputError, match="'kinds' need charge of each constituent"):
        JetImage(inputs="kinds")(from_cylinder([4], pt, eta, phi))


def test_angles_and_rapidities_are_those_of_logarithms_to_rounding():
    """Also of constituents far from the hardest one, backwards, behind it and with mass."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        p = rng.normal(size=(30, 3)) * np.exp(rng.normal(size=(30, 1)))
        p[:, 2] *= np.exp(2 * rng.normal())
        px, py, pz = p.T.copy()
        e = np.sqrt((p**2).sum(1) + rng.choice([0.0, 1.0], 30) * rng.random(30) ** 2)
        pt, y, phi = (np.empty(30) for _ in range(3))
        _place(px, py, pz, e, pt, y, phi)
        first = np.argmax(pt)
        there = np.arcsinh(pz / np.sqrt(np.maximum(e**2 - pz**2, pt**2)))
        turned = np.angle((px + 1j * py) * (px[first] - 1j * py[first]))
        np.testing.assert_allclose(pt, np.hypot(px, py), rtol=1e-14)
        np.testing.assert_allclose(y, there - np.average(there, weights=pt), atol=1e-10)
        np.testing.assert_allclose(phi, turned - np.average(turned, weights=pt), atol=1e-13)
