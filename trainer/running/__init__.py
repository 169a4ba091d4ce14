"""The phases of a run: its loop, its steps, and what keeps both from being lost."""
