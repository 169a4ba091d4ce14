"""Faces in pictures: two detectors behind one type, and square crops around what they find."""

import dataclasses
import functools
import io
import pathlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from data_pipeline.images import image_policy, shrinking

DLIB = "dlib"
YUNET = "yunet:"  # followed by the path of its model

Pixels = npt.NDArray[np.uint8]  # [height, width, 3], RGB

# Frames are scaled so that their short side lies within these pixels before faces are searched.
# dlib finds faces from 80 pixels on, and takes .17 s for a frame of 1080p.
_DLIB_SHORT_SIDE = (480, 1080)
# YuNet was trained on faces of 10 to 300 pixels.
_YUNET_SHORT_SIDE = (320, 480)
_YUNET_SCORE = 0.8
_YUNET_MULTIPLE = 32  # of the sides of its input, in pixels


@dataclasses.dataclass(frozen=True)
class Box:
    """A face in a picture, in pixels; parts of it may lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def side(self) -> int:
        """The longer side."""
        return max(self.right - self.left, self.bottom - self.top)


Detector = Callable[[Pixels], list[Box]]


def model(name: str) -> pathlib.Path:
    """Returns where the model of a detector `yunet:PATH` lies.

    Raises:
      RuntimeError: it begins with a `~` that is the home of nobody.
    """
    return pathlib.Path(name.removeprefix(YUNET)).expanduser().absolute()


@functools.cache
def detector(name: str) -> Detector:
    """Returns what finds the faces of a picture, the largest first.

    Args:
      name: `dlib`, for the frontal face detector of dlib (histograms of oriented gradients; King,
        "Max-Margin Object Detection", 2015), or `yunet:` and the path of an ONNX file, for YuNet
        (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023).
    """
    find, (smallest, largest) = (
        (_dlib(), _DLIB_SHORT_SIDE)
        if name == DLIB
        else (_yunet(pathlib.Path(name.removeprefix(YUNET))), _YUNET_SHORT_SIDE)
    )

    def detect(pixels: Pixels) -> list[Box]:
        short_side = min(pixels.shape[:2])
        scale = min(max(short_side, smallest), largest) / short_side
        boxes = [_scaled(box, 1 / scale) for box in find(_resized(pixels, scale))]
        return sorted(boxes, key=lambda box: (-box.side, box.left, box.top))

    return detect


def crop(pixels: Pixels, box: Box, margin: float, size: int) -> bytes:
    """Returns a square around a face as a JPEG, as a dataset stores it.

    A square that reaches over an edge is moved inwards, and is no larger than the picture, so that
    no border has to be made up. Nothing is scaled up: that leaves traces like a generator's.

    Args:
      pixels: uint8 [height, width, 3], RGB.
      box: the face.
      margin: the side of the square over that of the face.
      size: the largest side of the result, in pixels; larger squares are scaled down to it.
    """
    height, width = pixels.shape[:2]
    side = max(min(round(box.side * margin), height, width), 1)
    left = min(max((box.left + box.right - side) // 2, 0), width - side)
    top = min(max((box.top + box.bottom - side) // 2, 0), height - side)
    image = Image.fromarray(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
    if side > size:
        image = shrinking.shrink(image, (size, size))
    buffer = io.BytesIO()
    image.save(
        buffer,
        format="JPEG",
        quality=image_policy.JPEG_QUALITY,
        subsampling=image_policy.JPEG_CHROMA_SUBSAMPLING,
    )
    return buffer.getvalue()


def _resized(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = round(width * scale), round(height * scale)
    if size == (width, height):
        return np.ascontiguousarray(pixels)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def _scaled(box: Box, scale: float) -> Box:
    return Box(*(round(value * scale) for value in dataclasses.astuple(box)))


def _dlib() -> Detector:
    import dlib

    find = dlib.get_frontal_face_detector()
    return lambda pixels: [
        Box(face.left(), face.top(), face.right(), face.bottom()) for face in find(pixels)
    ]


def _yunet(path: pathlib.Path) -> Detector:
    import cv2

    logs = cv2.utils.logging
    logs.setLogLevel(logs.LOG_LEVEL_ERROR)  # it warns of its own engine at every start
    cv2.setNumThreads(1)  # other videos are searched at the same time
    model = cv2.FaceDetectorYN.create(str(path), "", (320, 320), _YUNET_SCORE)

    def find(pixels: Pixels) -> list[Box]:
        height, width = (-(-side // _YUNET_MULTIPLE) * _YUNET_MULTIPLE for side in pixels.shape[:2])
        padded = np.zeros((height, width, 3), np.uint8)
        padded[: pixels.shape[0], : pixels.shape[1]] = pixels[..., ::-1]  # OpenCV wants BGR
        model.setInputSize((width, height))
        _, found = model.detect(padded)
        rows = [] if found is None else found[:, :4].tolist()
        return [
            Box(round(left), round(top), round(left + width), round(top + height))
            for left, top, width, height in rows
        ]

    return find
