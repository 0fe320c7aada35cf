"""Representations: functions from events to small frozen dataclasses of tensors."""
