"""The contract between the build and the training: records, shards, manifest, reader."""
