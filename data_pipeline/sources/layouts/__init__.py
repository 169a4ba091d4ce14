"""How data sets lie on disk: a function each, from a source to a listing; see `by_name`."""
