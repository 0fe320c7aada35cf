"""Showers of electrons and pions in a cylinder of voxels, drawn from documented parametrisations."""
