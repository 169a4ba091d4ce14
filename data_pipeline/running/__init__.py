"""Beam: its stages, its options, its runners here and elsewhere."""
