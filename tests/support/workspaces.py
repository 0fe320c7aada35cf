"""Workspaces of five kinds, and one with every modifier, as plain data in pyhf's schema."""

import numpy as np


def workspace(channels, observations, poi="mu", parameters=()):
    return {
        "channels": channels,
        "observations": [{"name": name, "data": list(data)} for name, data in observations.items()],
        "measurements": [{"name": "m", "config": {"poi": poi, "parameters": list(parameters)}}],
        "version": "1.0.0",
    }


def channel(name, **samples):
    listed = [{"name": key, "data": list(data), "modifiers": mods} for key, (data, mods) in samples.items()]
    return {"name": name, "samples": listed}


def modifier(kind, name, data=None):
    return {"type": kind, "name": name, "data": data}


MU = modifier("normfactor", "mu")


def one_bin():
    background = ([50.0], [modifier("shapesys", "error", [7.0])])
    return workspace([channel("c", signal=([12.0], [MU]), background=background)], {"c": [55.0]})


def two_bins_shape():
    shape = {"lo_data": [47.0, 56.0], "hi_data": [54.0, 49.0]}
    background = ([50.0, 52.0], [modifier("histosys", "shape", shape)])
    return workspace([channel("c", signal=([12.0, 11.0], [MU]), background=background)], {"c": [51.0, 48.0]})


def normalisation():
    signal = ([6.0, 9.0], [MU, modifier("normsys", "theory", {"lo": 0.92, "hi": 1.1})])
    background = ([70.0, 31.0], [modifier("normsys", "rate", {"lo": 0.85, "hi": 1.2})])
    return workspace([channel("c", signal=signal, background=background)], {"c": [74.0, 36.0]})


def statistical():
    signal = ([5.0, 8.0, 3.0], [MU, modifier("staterror", "stat", [0.5, 0.6, 0.4])])
    first = ([20.0, 14.0, 9.0], [modifier("staterror", "stat", [2.0, 1.5, 1.2])])
    second = ([4.0, 6.0, 2.0], [modifier("staterror", "stat", [1.0, 1.1, 0.7])])
    return workspace([channel("c", signal=signal, first=first, second=second)], {"c": [27.0, 25.0, 15.0]})


def thirty_bins():
    x = np.linspace(0.0, 1.0, 30)
    falling, bump = 300 * np.exp(-3 * x), 25 * np.exp(-0.5 * ((x - 0.5) / 0.08) ** 2)
    slope = {"lo_data": (falling * (1 - 0.1 * x)).tolist(), "hi_data": (falling * (1 + 0.12 * x)).tolist()}
    flat = np.full(30, 20.0)
    scale = modifier("normsys", "scale", {"lo": 0.95, "hi": 1.06})
    samples = {
        "signal": (bump, [MU, scale]),
        "falling": (
            falling,
            [
                scale,
                modifier("histosys", "slope", slope),
                modifier("staterror", "stat", (0.3 * np.sqrt(falling)).tolist()),
            ],
        ),
        "flat": (
            flat,
            [modifier("normsys", "flat", {"lo": 0.8, "hi": 1.25}), modifier("staterror", "stat", [1.0] * 30)],
        ),
    }
    observed = np.random.default_rng(3).poisson(falling + flat + 0.4 * bump).astype(float)
    return workspace([channel("c", **samples)], {"c": observed})


def everything():
    """Two channels and all seven modifiers; one parameter moves a shape and a normalisation."""
    lumi = modifier("lumi", "lumi")
    tilt = {"lo_data": [28.0, 21.0, 11.0], "hi_data": [33.0, 19.0, 8.5]}
    region = channel(
        "region",
        signal=([4.0, 7.0, 5.0], [MU, lumi, modifier("normsys", "tilt", {"lo": 0.97, "hi": 1.04})]),
        top=(
            [30.0, 20.0, 10.0],
            [lumi, modifier("histosys", "tilt", tilt), modifier("staterror", "stat", [1.0, 0.0, 0.8])],
        ),
        jets=(
            [12.0, 8.0, 0.0],
            [modifier("shapesys", "jets", [3.0, 2.0, 0.0]), modifier("staterror", "stat", [0.6, 0.0, 0.2])],
        ),
    )
    control = channel(
        "control",
        fakes=([40.0, 25.0], [modifier("shapefactor", "shape")]),
        top=(
            [5.0, 6.0],
            [lumi, modifier("normsys", "control", {"lo": 0.9, "hi": 1.15}), modifier("normfactor", "top")],
        ),
    )
    parameters = [
        {"name": "lumi", "inits": [1.0], "bounds": [[0.5, 1.5]], "auxdata": [1.0], "sigmas": [0.02]},
        {"name": "top", "inits": [1.0], "bounds": [[0.0, 5.0]], "fixed": True},
    ]
    return workspace([region, control], {"region": [45.0, 37.0, 14.0], "control": [47.0, 30.0]}, parameters=parameters)


FIVE = {f.__name__: f for f in (one_bin, two_bins_shape, normalisation, statistical, thirty_bins)}
ALL = {**FIVE, "everything": everything}
