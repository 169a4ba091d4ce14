"""Several trainings one after the other, whose flags differ."""
