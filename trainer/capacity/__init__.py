"""What a training will take, and what fits into memory."""
