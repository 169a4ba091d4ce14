"""The build: sources in, a checked and sharded dataset out."""
