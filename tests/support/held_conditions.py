"""Conditions that hold exactly: fields of a network that knows nothing of them, and how far they are broken."""

import torch

from partonic.equations.conditions import Face
from partonic.equations.exact import hold
from partonic.equations.features import Shape, draw
from partonic.equations.network import Network
from partonic.equations.points import on
from partonic.equations.system import rows_of


def random_fields(problem, seed=4):
    """Fields of a network that knows nothing of the problem."""
    split = hold(problem)
    g = torch.Generator().manual_seed(seed)
    features = split.features(draw(Shape(9, 1.3, 6), problem.lower, problem.upper, seed))
    output = torch.randn(features.count, problem.fields, generator=g, dtype=torch.float64)
    unknowns = torch.randn(len(split.free.unknowns), generator=g, dtype=torch.float64)
    return split.fields(Network(features, output, unknowns))


def breach(problem, fields):
    """Largest residual of the conditions that hold exactly, edges and corners of their faces included."""
    worst = 0.0
    for one in [one for one in problem.conditions if one.held]:
        sets = [on(problem, place, 5)[0] for place in one.places]
        for place, x in zip(one.places, sets, strict=True):
            for axis in set(range(problem.dimensions)) - {place.axis} if isinstance(place, Face) else ():
                x[axis, 0], x[axis, -1] = problem.lower[axis], problem.upper[axis]
        jets = tuple(torch.cat(same) for same in zip(*(fields.jets(x) for x in sets), strict=True))
        p = fields.unknowns[:, None].expand(-1, sets[0].shape[1])
        rows = rows_of(lambda x, u, du, d2u, p, one=one: one.rows(x, u, du, p), sets[0], jets, p)
        worst = max(worst, float(rows.abs().max()))
    return worst
