"""The training: models, the loop, evaluation and what a run leaves."""
