"""Which file goes into which record, and how it is encoded: pure."""
