"""Small pictures of the files of a source, for the report."""

from data_pipeline.images import decoder, image_policy
from data_pipeline.isolation import calls
from data_pipeline.references import Reference

IMAGE_SIZE = 256  # pixels


def jpeg(reference: Reference) -> bytes | None:
    """Returns a file as a JPEG of this project's; None where it is gone or cannot be used."""
    try:
        data = reference.location.read()
    except OSError:
        return None
    stored = calls.submit(decoder.PROGRAM, "store", data, IMAGE_SIZE).result()
    return None if isinstance(stored, image_policy.Rejection) else stored.jpeg
