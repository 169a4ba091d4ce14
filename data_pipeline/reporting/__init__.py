"""What is said of a dataset: numbers, pictures, the page."""

import os

# Charts go into files. A notebook tells what it starts to use a backend of its own, which only the
# notebook's Python has.
os.environ["MPLBACKEND"] = "agg"
