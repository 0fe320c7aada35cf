"""Lattice field theories sampled by networks: phi^4 and U(1) gauge theory in two dimensions, with exact sums."""
