"""What is said of a dataset: numbers, pictures, the page."""
