"""Recipes: one study, one file, plain Python."""
