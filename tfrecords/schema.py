"""What a record holds, and its serialisation.

| feature | type | meaning |
| --- | --- | --- |
| image | bytes | a baseline RGB JPEG |
| each target | int64 | the index of the class in the manifest |
| image_id | bytes | the file's path relative to its source's root, `/` separated, UTF-8 |
| group_id | bytes | what must not straddle splits: a person, a video, near-duplicates, tied |
| height, width | int64 | of the image, in pixels |
| each attribute | bytes | further text of the source, in its own bytes |
"""

import dataclasses
from collections.abc import Mapping

from tfrecords import example

IMAGE = "image"
IMAGE_ID = "image_id"
GROUP_ID = "group_id"
HEIGHT = "height"
WIDTH = "width"

# The project's own polarity, whatever a source's files say: the fake class is positive.
LABEL = "label"
LABEL_NAMES = ("real", "fake")


@dataclasses.dataclass(frozen=True)
class Record:
    """One example: an image and what is known of it.

    Attributes:
      image: a baseline RGB JPEG.
      targets: by name the class index.
      height: of the image, in pixels.
      width: of the image, in pixels.
      attributes: by name further text.
    """

    image: bytes
    targets: Mapping[str, int]
    image_id: str
    group_id: str
    height: int
    width: int
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def serialize(self) -> bytes:
        """Returns the `tf.train.Example`, deterministically."""
        return example.encode(
            {
                **{name: _bytes(text) for name, text in self.attributes.items()},
                **self.targets,
                IMAGE: self.image,
                IMAGE_ID: _bytes(self.image_id),
                GROUP_ID: _bytes(self.group_id),
                HEIGHT: self.height,
                WIDTH: self.width,
            }
        )


def _bytes(text: str) -> bytes:
    """Returns the bytes of a text, which names of files may have given that are no UTF-8."""
    return text.encode(errors="surrogateescape")
