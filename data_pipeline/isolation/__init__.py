"""Functions that open foreign bytes are called in a child process that may die of them."""
