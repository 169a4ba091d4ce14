"""The features of a frozen backbone, computed once, so that its head trains on them alone."""
