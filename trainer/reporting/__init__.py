"""What is shown of a run, while it lasts and afterwards."""
