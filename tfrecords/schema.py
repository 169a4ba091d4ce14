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
from collections.abc import Collection, Mapping
from typing import Any, Self

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

    @classmethod
    def parse(
        cls, serialized: bytes, targets: Collection[str], attributes: Collection[str]
    ) -> Self:
        """Reads what `serialize` wrote.

        Raises:
          ValueError: it is no `tf.train.Example`, or has other features than these, or features of
            other types.
        """
        features = example.decode(serialized)
        texts, numbers = {IMAGE_ID, GROUP_ID, *attributes}, {HEIGHT, WIDTH, *targets}
        if features.keys() != {IMAGE, *texts, *numbers}:
            raise ValueError(f"it has the features {', '.join(sorted(features))}")
        values: dict[str, Any] = {}
        for name, found in features.items():
            kind = int if name in numbers else bytes
            if len(found) != 1 or not isinstance(found[0], kind):
                raise ValueError(f"its {name} is not one {kind.__name__}")
            values[name] = found[0]
        values |= {name: values[name].decode(errors="surrogateescape") for name in texts}
        return cls(
            image=values[IMAGE],
            targets={name: values[name] for name in targets},
            image_id=values[IMAGE_ID],
            group_id=values[GROUP_ID],
            height=values[HEIGHT],
            width=values[WIDTH],
            attributes={name: values[name] for name in attributes},
        )


def _bytes(text: str) -> bytes:
    """Returns the bytes of a text, which names of files may have given that are no UTF-8."""
    return text.encode(errors="surrogateescape")
