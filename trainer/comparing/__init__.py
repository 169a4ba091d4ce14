"""Runs beside each other: which is better, and by more than chance."""
