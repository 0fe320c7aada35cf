"""Differential equations solved by neural networks: state a problem, solve it, know how wrong the solution may be."""
