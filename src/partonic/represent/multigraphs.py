"""Connected multigraphs by their number of edges: the index set of the energy flow polynomials (arXiv:1712.07124)."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import combinations, permutations, product

Multigraph = tuple[tuple[int, int], ...]
"""Edges (a, b) with a < b in rising order, vertices numbered from 0; an edge that is there twice is listed twice."""


def vertices(graph: Multigraph) -> int:
    """Number of vertices."""
    return 1 + max(b for _, b in graph)


@lru_cache(maxsize=16)
def connected(edges: int) -> tuple[Multigraph, ...]:
    """All connected multigraphs without loops of a number of edges, one of each isomorphism class, in a fixed order.

    Each has a connected part of one edge less, so that adding an edge to those in every way gives all.

    Args:
        edges: 1 or more.

    Example:
        >>> [len(connected(d)) for d in range(1, 6)]
        [1, 2, 5, 12, 33]
    """
    if edges == 1:
        return (((0, 1),),)
    found = set()
    for graph in connected(edges - 1):
        n = vertices(graph)
        further = [*combinations(range(n), 2), *((a, n) for a in range(n))]
        found |= {canonical((*graph, edge)) for edge in further}
    return tuple(sorted(found, key=lambda graph: (vertices(graph), graph)))


def canonical(graph: Multigraph) -> Multigraph:
    """The smallest of the equal multigraphs that differ by the numbers of their vertices.

    Only numberings by falling degree are compared, which isomorphic graphs share.
    """
    degree = Counter(vertex for edge in graph for vertex in edge)
    levels = [[v for v in degree if degree[v] == d] for d in sorted(set(degree.values()), reverse=True)]
    best: Multigraph | None = None
    for orders in product(*map(permutations, levels)):
        number = {vertex: i for i, vertex in enumerate(v for order in orders for v in order)}
        renamed = tuple(sorted((min(number[a], number[b]), max(number[a], number[b])) for a, b in graph))
        best = renamed if best is None else min(best, renamed)
    return best or ()
