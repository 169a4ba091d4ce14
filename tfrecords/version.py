"""The version of this software, as built datasets and trained bundles record it."""

VERSION = "0.1.0"
