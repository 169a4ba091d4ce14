"""What a model predicts, and what its predictions are worth."""
