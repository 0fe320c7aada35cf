"""Metrics with uncertainties; nothing in here trains."""
