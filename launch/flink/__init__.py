"""A Flink cluster on this machine: fetch, start, build, stop."""
