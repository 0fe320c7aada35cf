"""Objectives: functions of a model and a batch that return the loss; the physics of a method lives here."""
