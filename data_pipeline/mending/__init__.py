"""Datasets that were damaged: found, written again, or saved record by record."""
