"""A canvas for the scenes of the embedded dataset, and colours to use on it.

Beside red, green and blue every shape has a roughness, which tells the painter how much texture
its surface carries.
"""

import colorsys
import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]

CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 28, endpoint=False)) for f in (np.cos, np.sin)])

SMOOTH, SATIN, COARSE, SHAGGY = 30, 70, 130, 220  # roughness, of at most 255

WHITE, BLACK, ASPHALT, GLASS = (246, 244, 240), (24, 22, 24), (92, 92, 98), (70, 88, 104)


@dataclasses.dataclass(frozen=True)
class Canvas:
    """An image to draw on in coordinates of its own: x to the right, y down.

    Attributes:
        image: of mode RGBX, whose fourth band is the roughness.
        brush: draws on the image.
        axes: float64 [2, 2], pixels per unit of x and y.
        origin: float64 [2, 1], the pixel at (0, 0).
    """

    image: Image.Image
    brush: ImageDraw.ImageDraw
    axes: npt.NDArray[np.float64]
    origin: npt.NDArray[np.float64]

    def at(self, x: float, y: float, scale: float, angle: float = 0, flip: float = 1) -> "Canvas":
        """Returns the same image seen from (x, y), turned by `angle` radians, mirrored if -1."""
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        axes = self.axes @ np.array([[cos * flip, -sin], [sin * flip, cos]])
        return Canvas(self.image, self.brush, axes, self.axes @ [[x], [y]] + self.origin)

    def polygon(self, points: Points, colour: Colour, rough: int = SATIN) -> None:
        """Fills the area within the points."""
        self._fill(np.transpose(points), colour, rough)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: Colour,
        rough: int = SATIN,
    ) -> None:
        """Fills a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour, rough)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        rough: int = SATIN,
        angle: float = 0,
    ) -> None:
        """Fills an ellipse, turned by `angle` radians."""
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.array([[cos * rx, -sin * ry], [sin * rx, cos * ry]]) @ CIRCLE
        self._fill(np.add(turned, [[x], [y]]), colour, rough)

    def ball(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        rough: int = SATIN,
        depth: float = 0.24,
        angle: float = 0,
    ) -> None:
        """An ellipse whose edge is darker than its middle by a share of `depth`."""
        for step in np.linspace(0, 1, 5):
            size, up = 1 - 0.55 * step, 0.16 * step * ry
            tone = shade(colour, 1 - depth * (1 - step))
            self.ellipse(x, y - up, rx * size, ry * size, tone, rough, angle)

    def gradient(
        self, top: float, bottom: float, upper: Colour, lower: Colour, rough: int = SMOOTH
    ) -> None:
        """A band over the whole width that goes from one colour to another."""
        edges = np.linspace(top, bottom, 17)
        for start, end, t in zip(edges, edges[1:], np.linspace(0, 1, 16), strict=False):
            self.box(-1, start, 2, end + 0.01, mix(upper, lower, t), rough)

    def soften(self, radius: float) -> None:
        """Puts what has been drawn so far out of focus."""
        self.image.paste(self.image.filter(ImageFilter.BoxBlur(1.7 * radius)))

    def _fill(self, points: npt.NDArray[np.float64], colour: Colour, rough: int) -> None:
        xy = (self.axes @ points + self.origin).T.ravel().tolist()
        red, green, blue = colour  # Pillow clips them to [0, 255]
        self.brush.polygon(xy, fill=(int(red), int(green), int(blue), rough))


def mix(first: Colour, second: Colour, t: float) -> Colour:
    """Returns the colour at share `t` of the way from the first to the second."""
    red, green, blue = (a + (b - a) * t for a, b in zip(first, second, strict=True))
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """Returns the colour made brighter or darker."""
    return mix((0, 0, 0), colour, factor)


def vivid(rng: np.random.Generator, saturation: float = 0.6, value: float = 0.75) -> Colour:
    """Returns a colour of any hue."""
    hue, more, light = rng.random(), rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)
    return shade(colorsys.hsv_to_rgb(hue, saturation + more, value + light), 255)


def one_of(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """Returns one of the colours, or something between it and another."""
    first, second = rng.integers(len(colours), size=2)
    return mix(colours[first], colours[second], rng.uniform(0, 0.35))


def side(rng: np.random.Generator) -> float:
    """Returns -1 or 1."""
    return float(rng.choice((-1, 1)))
