"""Integrals and events of expensive functions: adapted grids, learned flows, and a verdict on what was found."""
