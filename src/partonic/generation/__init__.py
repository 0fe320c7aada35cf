"""Generators of events that learn from a sample: what they learn from, in which coordinates, and how good they are."""
