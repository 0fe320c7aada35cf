"""Lattice field theories sampled by networks: phi^4 in two dimensions, exact sums of U(1)."""
