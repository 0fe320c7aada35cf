"""Simulators: Pythia collisions through a parametrised detector to jets and event-level objects."""
