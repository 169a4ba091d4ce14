"""What is done with the bytes of an image, in a process that may die."""
