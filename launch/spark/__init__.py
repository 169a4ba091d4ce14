"""Spark inside the build: fetch."""
