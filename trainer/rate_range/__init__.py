"""The range test: which learning rates a training can stand."""
