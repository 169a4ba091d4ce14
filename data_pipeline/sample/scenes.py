"""The scenes of the embedded dataset: animals, faces and vehicles before lens and camera.

Each is drawn in coordinates of its own, about 1 from the middle to the edge, and then placed,
turned and mirrored. Scenes are drawn larger than the picture and reduced.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from data_pipeline.sample import scenery
from data_pipeline.sample.drawing import (
    ASPHALT,
    BLACK,
    CIRCLE,
    COARSE,
    GLASS,
    SATIN,
    SHAGGY,
    SMOOTH,
    WHITE,
    Canvas,
    Colour,
    mix,
    one_of,
    shade,
    side,
    vivid,
)

OVERSAMPLING = 2  # pixels drawn per pixel kept, against jagged edges

SKINS = ((244, 208, 182), (232, 188, 156), (214, 164, 128), (190, 138, 104), (160, 112, 82))
HAIRS = ((38, 30, 28), (70, 46, 32), (112, 74, 44), (176, 130, 74), (150, 146, 144), (140, 62, 34))
FURS = ((214, 142, 74), (110, 104, 104), (58, 52, 54), (226, 216, 200), (150, 112, 80))
IRISES = ((74, 52, 36), (56, 92, 120), (70, 100, 64), (40, 32, 30))


def draw(content: str, size: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Returns uint8 [size, size, 4]: red, green, blue and roughness of a scene."""
    side = size * OVERSAMPLING
    image = Image.new("RGBX", (side, side))
    canvas = Canvas(image, ImageDraw.Draw(image), np.eye(2) * side, np.zeros((2, 1)))
    choices = SCENES[content]
    choices[rng.integers(len(choices))](canvas, rng)
    return np.asarray(image.reduce(OVERSAMPLING))


def cat(canvas: Canvas, rng: np.random.Generator) -> None:
    """A cat that sits and looks at us."""
    _ground(canvas, rng)
    fur = one_of(rng, FURS)
    dark, pale = shade(fur, 0.55), mix(fur, WHITE, rng.uniform(0.3, 0.8))
    me = _sitting(canvas, rng)
    tail = side(rng)
    for t in np.linspace(0, 1, 12):
        x, y = tail * (0.5 + 0.6 * t**0.5), 1.9 - 1.5 * t**1.5
        me.ellipse(x, y, 0.13, 0.15, mix(fur, dark, t), SHAGGY)
    _torso(me, fur, pale)
    for s in (-1, 1):
        me.polygon([(s * 0.68, 0), (s * 0.62, -0.98), (s * 0.1, -0.5)], fur, SHAGGY)
        me.polygon([(s * 0.58, -0.2), (s * 0.56, -0.78), (s * 0.25, -0.45)], (222, 160, 150))
    me.ball(0, 0, 0.78, 0.64, fur, SHAGGY)
    for x in (-0.18, 0, 0.18) if rng.random() < 0.6 else ():
        me.polygon([(x - 0.05, -0.6), (x, -0.25), (x + 0.05, -0.6)], dark, SHAGGY)
        me.polygon([(x * 5, x - 0.05), (x * 2.6, x / 3), (x * 5, x + 0.08)], dark, SHAGGY)
    _muzzle(me, pale)
    eye = mix((120, 190, 70), (240, 190, 50), rng.random())
    for s in (-1, 1):
        me.ellipse(s * 0.33, -0.08, 0.17, 0.15, BLACK, SMOOTH)
        me.ellipse(s * 0.33, -0.08, 0.14, 0.125, eye, SMOOTH)
        me.ellipse(s * 0.33, -0.08, 0.04, 0.12, BLACK, SMOOTH)
        for y in (0.2, 0.3):
            me.polygon([(s * 0.2, 0.26), (s * 0.95, y - 0.05), (s * 0.95, y - 0.02)], WHITE)


def rabbit(canvas: Canvas, rng: np.random.Generator) -> None:
    """A rabbit with one ear or none hanging."""
    _ground(canvas, rng)
    fur = one_of(rng, FURS)
    pale = mix(fur, WHITE, 0.6)
    me = _sitting(canvas, rng)
    _torso(me, fur, pale)
    for s, lean in ((-1, rng.uniform(0.05, 0.5)), (1, rng.uniform(0.05, 0.5))):
        x, y = s * (0.28 + lean * 0.7), -0.98 + lean * 0.3
        me.ellipse(x, y, 0.18, 0.66, shade(fur, 0.85), SHAGGY, angle=s * lean)
        me.ellipse(x, y + 0.04, 0.1, 0.52, (226, 168, 158), SATIN, angle=s * lean)
    me.ball(0, 0, 0.62, 0.62, fur, SHAGGY)
    _muzzle(me, pale)
    for s in (-1, 1):
        me.ellipse(s * 0.38, -0.1, 0.12, 0.14, BLACK, SMOOTH)
        me.ellipse(s * 0.35, -0.15, 0.04, 0.04, WHITE, SMOOTH)
    me.box(-0.07, 0.42, 0.07, 0.54, WHITE, SMOOTH)


def bird(canvas: Canvas, rng: np.random.Generator) -> None:
    """A bird on a branch, seen from the side."""
    scenery.foliage(canvas, rng)
    coat, belly = vivid(rng, 0.6, 0.6), vivid(rng, 0.4, 0.9)
    x, y = rng.uniform(0.4, 0.6, size=2)
    me = canvas.at(x, y, rng.uniform(0.2, 0.27), rng.uniform(-0.25, 0.2), side(rng))
    bark = (96, 72, 54)
    me.polygon([(-4, 1.1), (4, 0.9), (4, 1.15), (-4, 1.4)], bark, SHAGGY)
    for tip in rng.uniform(-1.8, 1.8, size=4):
        me.ellipse(tip, 0.75, 0.34, 0.15, (110, 150, 70), SATIN, angle=tip)
    me.polygon([(-0.6, 0.1), (-2.1, 0.65), (-1.95, 0.95), (-0.4, 0.6)], shade(coat, 0.6), COARSE)
    for leg in (-0.1, 0.15):
        me.box(leg, 0.7, leg + 0.07, 1.08, (210, 150, 70), SMOOTH)
    me.ball(0, 0.1, 1, 0.72, coat, COARSE, angle=-0.4)
    me.ball(0.25, 0.35, 0.66, 0.5, belly, COARSE, angle=-0.5)
    me.polygon([(1.15, -0.62), (1.72, -0.46), (1.15, -0.3)], (236, 168, 60), SMOOTH)
    me.ball(0.75, -0.5, 0.52, 0.5, coat, COARSE)
    me.ball(-0.3, 0.12, 0.7, 0.36, shade(coat, 0.7), SHAGGY, angle=0.35)
    me.ellipse(0.92, -0.58, 0.12, 0.12, WHITE, SMOOTH)
    me.ellipse(0.94, -0.58, 0.085, 0.085, BLACK, SMOOTH)


def fish(canvas: Canvas, rng: np.random.Generator) -> None:
    """One large striped fish and perhaps some small ones."""
    scenery.sea(canvas, rng)
    for _ in range(rng.integers(0, 3)):
        x, y, scale, lean = rng.uniform((0.1, 0.1, 0.06, -0.3), (0.9, 0.8, 0.1, 0.3))
        _fish(canvas.at(x, y, scale, lean, side(rng)), rng)
    x, y, scale, lean = rng.uniform((0.4, 0.4, 0.24, -0.3), (0.6, 0.6, 0.33, 0.3))
    _fish(canvas.at(x, y, scale, lean, side(rng)), rng)


def _fish(me: Canvas, rng: np.random.Generator) -> None:
    body, fin = vivid(rng, 0.7, 0.8), vivid(rng, 0.7, 0.7)
    tall = rng.uniform(0.45, 0.75)
    me.polygon([(-0.8, 0), (-1.5, -0.55), (-1.32, 0), (-1.5, 0.55)], fin, COARSE)
    me.polygon([(-0.6, -0.2), (-0.25, -tall - 0.35), (0.5, -tall * 0.7)], fin, COARSE)
    me.polygon([(-0.4, 0.2), (-0.3, tall + 0.3), (0.2, tall * 0.8)], fin, COARSE)
    me.ball(0, 0, 1, tall, body, SHAGGY, depth=0.4)
    stripe = mix(body, WHITE, 0.7)
    for x in (-0.45, 0, 0.4)[: rng.integers(0, 4)]:
        me.ellipse(x, -0.02, 0.09, tall * 0.88 * np.sqrt(1 - x * x), stripe, COARSE)
    me.polygon([(0.25, 0.1), (-0.2, 0.38), (-0.1, 0.02)], fin, COARSE)
    me.ellipse(0.68, -0.12, 0.13, 0.13, WHITE, SMOOTH)
    me.ellipse(0.71, -0.12, 0.08, 0.08, BLACK, SMOOTH)


def _ground(canvas: Canvas, rng: np.random.Generator) -> None:
    place = scenery.meadow if rng.random() < 0.6 else scenery.room
    place(canvas, rng)


def _sitting(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    x, y, scale, lean = rng.uniform((0.38, 0.38, 0.22, -0.12), (0.62, 0.48, 0.29, 0.12))
    return canvas.at(x, y, scale, lean)


def _torso(me: Canvas, fur: Colour, pale: Colour) -> None:
    me.ball(0, 1.3, 0.8, 1.0, shade(fur, 0.9), SHAGGY)
    me.ball(0, 1.15, 0.42, 0.66, pale, SHAGGY)
    for s in (-1, 1):
        me.ball(s * 0.3, 2.1, 0.3, 0.22, mix(fur, pale, 0.5), SHAGGY)


def _muzzle(me: Canvas, pale: Colour) -> None:
    for s in (-1, 1):
        me.ball(s * 0.15, 0.28, 0.24, 0.19, pale, COARSE, depth=0.1)
    me.polygon([(-0.1, 0.1), (0.1, 0.1), (0, 0.22)], (190, 104, 104), SMOOTH)
    me.box(-0.015, 0.2, 0.015, 0.36, shade(pale, 0.5), SMOOTH)


def face(canvas: Canvas, rng: np.random.Generator) -> None:
    """A portrait: head and shoulders, looking at us."""
    place = scenery.room if rng.random() < 0.6 else scenery.foliage
    place(canvas, rng)
    skin, hair = one_of(rng, SKINS), one_of(rng, HAIRS)
    x, y, scale, lean = rng.uniform((0.45, 0.47, 0.33, -0.1), (0.55, 0.53, 0.38, 0.1))
    me = canvas.at(x, y, scale, lean)
    long = rng.random() < 0.45
    if long:
        me.ball(0, 0.2, 0.98, 1.3, hair, SHAGGY, depth=0.4)
    _shoulders(me, rng, skin)
    for s in (-1, 1):
        me.ball(s * 0.75, 0.02, 0.12, 0.22, shade(skin, 0.9))
    me.ball(0, 0, 0.75, 1.0, skin, SATIN, depth=0.2)
    _beard(me, rng, skin, hair, 0 if long else 0.35)
    _eyes(me, rng, skin, hair)
    _nose_and_mouth(me, rng, skin)
    _hair(me, rng, hair, long)
    if rng.random() < 0.2:
        _glasses(me, rng)


def _shoulders(me: Canvas, rng: np.random.Generator, skin: Colour) -> None:
    shirt = vivid(rng, 0.45, 0.6)
    me.ball(0, 2.0, 1.5, 0.85, shirt, COARSE)
    me.box(-0.36, 0.6, 0.36, 1.3, shade(skin, 0.72))
    me.ellipse(0, 1.28, 0.36, 0.22, shade(skin, 0.76))
    if rng.random() < 0.5:
        for s in (-1, 1):
            me.polygon([(s * 0.34, 1.0), (s * 0.62, 1.3), (s * 0.1, 1.62)], mix(shirt, WHITE, 0.6))


def _eyes(me: Canvas, rng: np.random.Generator, skin: Colour, hair: Colour) -> None:
    iris, gaze = one_of(rng, IRISES), rng.uniform(-0.03, 0.03)
    wide, brow = rng.uniform(0.05, 0.075), rng.uniform(0.16, 0.2)
    for s in (-1, 1):
        x = s * 0.31
        me.ball(x, -0.12, 0.23, 0.13, shade(skin, 0.66), depth=-0.25)
        me.ellipse(x, -0.12, 0.16, wide + 0.02, shade(skin, 0.35), SMOOTH)
        me.ellipse(x, -0.11, 0.145, wide, WHITE, SMOOTH)
        me.ellipse(x + gaze, -0.115, 0.068, wide + 0.004, iris, SMOOTH)
        me.ellipse(x + gaze, -0.115, 0.034, 0.036, BLACK, SMOOTH)
        me.ellipse(x + gaze + 0.025, -0.14, 0.016, 0.016, WHITE, SMOOTH)
        me.ellipse(x, -0.12 - brow, 0.2, 0.04, shade(hair, 0.75), COARSE, angle=s * 0.12)


def _nose_and_mouth(me: Canvas, rng: np.random.Generator, skin: Colour) -> None:
    me.ball(0, 0.1, 0.085, 0.24, shade(skin, 1.08), depth=0.06)
    me.ellipse(0, 0.3, 0.15, 0.06, shade(skin, 0.78))
    me.ball(0, 0.25, 0.11, 0.075, shade(skin, 1.06), depth=0.1)
    for s in (-1, 1):
        me.ellipse(s * 0.075, 0.305, 0.035, 0.022, shade(skin, 0.4), SMOOTH)
        for r, t in ((0.17, 0.05), (0.11, 0.1)):
            me.ellipse(s * 0.42, 0.24, r, 0.7 * r, mix(skin, (230, 110, 100), t))
    lip = mix(shade(skin, 0.72), (190, 60, 70), rng.uniform(0.1, 0.6))
    width, smile = rng.uniform(0.24, 0.31), rng.uniform(0.0, 0.05)
    me.ellipse(0, 0.58, width, 0.075, lip)
    inside = WHITE if smile > 0.025 else shade(lip, 0.45)
    me.ellipse(0, 0.565, width * 0.85, 0.012 + smile / 2, inside, SMOOTH)
    for s in (-1, 1):
        me.ellipse(s * width, 0.57 - smile, 0.045, 0.02, shade(lip, 0.7), SMOOTH, angle=-s * 0.5)
    me.ellipse(0, 0.69, 0.18, 0.025, shade(skin, 0.8))


def _beard(me: Canvas, rng: np.random.Generator, skin: Colour, hair: Colour, chance: float) -> None:
    if rng.random() >= chance:
        return
    beard = mix(skin, hair, rng.uniform(0.35, 0.8))
    me.ellipse(0, 0.66, 0.56, 0.36, beard, SHAGGY)
    me.ellipse(0, 0.44, 0.46, 0.2, skin)
    me.ellipse(0, 0.46, 0.27, 0.06, beard, SHAGGY)


def _hair(me: Canvas, rng: np.random.Generator, hair: Colour, long: bool) -> None:
    line, part = rng.uniform(-0.62, -0.5), rng.uniform(-0.5, 0.5)
    angles = np.linspace(np.pi * 1.02, np.pi * 1.98, 16)
    top = [(0.83 * np.cos(a), 0.1 + 1.2 * np.sin(a)) for a in angles]
    fringe = [(0.7, -0.3), (0.55, line), (part, line - 0.12), (-0.55, line), (-0.7, -0.3)]
    me.polygon(top + fringe, shade(hair, 0.8), SHAGGY)
    inner = [(0.72 * np.cos(a), 0.02 + 1.04 * np.sin(a)) for a in angles[1:-1]]
    me.polygon([*inner, (0.5, line - 0.08), (part, line - 0.18), (-0.5, line - 0.08)], hair, SHAGGY)
    me.ellipse(part / 2, -0.86, 0.3, 0.05, mix(hair, WHITE, 0.14), SHAGGY)
    if long:
        for s in (-1, 1):
            for x, tone in ((0.84, 0.75), (0.78, 0.9)):
                me.ellipse(s * x, 0.35, 0.13, 0.95, shade(hair, tone), SHAGGY, angle=-s * 0.1)


def _glasses(me: Canvas, rng: np.random.Generator) -> None:
    frame = shade(vivid(rng), 0.4)
    for s in (-1, 1):
        rim = CIRCLE * [[0.21], [0.17]] + [[s * 0.31], [-0.11]]
        hole = CIRCLE * [[0.185], [0.145]] + [[s * 0.31], [-0.11]]
        loop = [*rim.T, rim.T[0], hole.T[0], *hole.T[::-1]]
        me.polygon([(x, y) for x, y in loop], frame, SMOOTH)
        me.box(s * 0.5, -0.13, s * 0.76, -0.1, frame, SMOOTH)
    me.box(-0.12, -0.14, 0.12, -0.11, frame, SMOOTH)


def car(canvas: Canvas, rng: np.random.Generator) -> None:
    """A car of any body style, from a hatchback to a saloon."""
    me = _parked(canvas, rng, 0.36, 0.42)
    paint = vivid(rng, 0.65, 0.7)
    rear, roof, hood = rng.uniform((-0.95, -0.88, 0.35), (-0.55, -0.72, 0.55))
    middle, sill = (rear + hood) / 2 - 0.03, -0.46
    pane = mix(GLASS, WHITE, rng.uniform(0, 0.4))
    cabin = [(rear, sill), (rear + 0.22, roof), (hood - 0.3, roof), (hood + 0.08, sill)]
    me.polygon(cabin, shade(paint, 0.92), SMOOTH)
    top, left, right = roof + 0.06, middle - 0.03, middle + 0.03
    me.polygon([(rear + 0.12, sill), (rear + 0.26, top), (left, top), (left, sill)], pane, SMOOTH)
    me.polygon([(right, sill), (right, top), (hood - 0.33, top), (hood - 0.04, sill)], pane, SMOOTH)
    shoulder = [(-0.98, -0.47), (0.4, -0.5), (0.92, -0.4)]
    me.polygon([(-1, -0.16), *shoulder, (1, -0.3), (1, -0.16)], paint, SMOOTH)
    me.polygon([*shoulder, (0.9, -0.37), (-0.98, -0.42)], mix(paint, WHITE, 0.4), SMOOTH)
    me.box(-1, -0.22, 1, -0.13, shade(paint, 0.6), SMOOTH)
    for x in (rear + 0.1, middle, hood):
        me.box(x - 0.008, -0.46, x + 0.008, -0.2, shade(paint, 0.65), SMOOTH)
    me.box(middle + 0.06, -0.39, middle + 0.17, -0.36, shade(paint, 0.5), SMOOTH)
    _lights(me, 1.0, -0.36)
    _wheels(me, (-0.58, 0.6), 0.19)


def bus(canvas: Canvas, rng: np.random.Generator) -> None:
    """A city bus."""
    me = _parked(canvas, rng, 0.4, 0.46)
    paint, stripe = vivid(rng, 0.6, 0.75), vivid(rng, 0.4, 0.9)
    top = -rng.uniform(0.86, 1.0)
    me.polygon(
        [(-1, -0.14), (-1, top + 0.06), (-0.95, top), (0.93, top), (1, top + 0.12), (1, -0.14)],
        paint,
        SMOOTH,
    )
    me.box(-0.98, top, 0.92, top + 0.05, mix(paint, WHITE, 0.5), SMOOTH)
    me.box(-1, -0.36, 1, -0.28, stripe, SMOOTH)
    panes = rng.integers(4, 7)
    for x in np.linspace(-0.93, 0.5, panes, endpoint=False):
        me.box(x, top + 0.14, x + 1.3 / panes, -0.46, GLASS, SMOOTH)
        me.polygon([(x, top + 0.14), (x + 0.14, top + 0.14), (x, -0.46)], mix(GLASS, WHITE, 0.3))
    me.box(0.55, top + 0.14, 0.78, -0.16, shade(GLASS, 0.7), SMOOTH)
    me.box(0.84, top + 0.14, 1, -0.42, mix(GLASS, WHITE, 0.4), SMOOTH)
    me.box(0.5, top + 0.03, 0.9, top + 0.1, (40, 36, 30), SMOOTH)
    _lights(me, 1.0, -0.26)
    _wheels(me, (-0.6, 0.36), 0.17)


def truck(canvas: Canvas, rng: np.random.Generator) -> None:
    """A truck with a box or a tank."""
    me = _parked(canvas, rng, 0.38, 0.46)
    paint, load = vivid(rng, 0.7, 0.7), vivid(rng, 0.25, 0.85)
    top = -rng.uniform(0.85, 1.1)
    me.box(-1, -0.26, 0.95, -0.16, shade(ASPHALT, 0.5), SATIN)
    if rng.random() < 0.6:
        me.box(-1, top, 0.4, -0.26, load, SATIN)
        for x in np.linspace(-0.9, 0.3, 7):
            me.box(x, top + 0.04, x + 0.02, -0.3, shade(load, 0.85), SATIN)
        me.box(-0.8, top * 0.75, 0.2, top * 0.75 + 0.14, vivid(rng), SATIN)
    else:
        for t in np.linspace(0, 1, 6):
            me.box(-1, -0.92 + 0.26 * t, 0.38, -0.26 - 0.3 * t, shade(load, 0.5 + 0.55 * t), SMOOTH)
        for x in (-0.8, -0.3, 0.2):
            me.box(x, -0.93, x + 0.03, -0.25, shade(load, 0.5), SATIN)
    me.polygon([(0.46, -0.18), (0.46, -0.86), (0.78, -0.86), (0.97, -0.5), (1, -0.18)], paint)
    me.polygon([(0.6, -0.52), (0.6, -0.78), (0.76, -0.78), (0.9, -0.5)], GLASS, SMOOTH)
    me.box(0.46, -0.9, 0.78, -0.83, mix(paint, WHITE, 0.4), SMOOTH)
    me.box(0.54, -0.42, 0.64, -0.39, shade(paint, 0.5), SMOOTH)
    _lights(me, 1.0, -0.3)
    _wheels(me, (-0.78, -0.46, 0.66), 0.17)


def _parked(canvas: Canvas, rng: np.random.Generator, small: float, large: float) -> Canvas:
    ground = scenery.street(canvas, rng)
    me = canvas.at(rng.uniform(0.46, 0.54), ground, rng.uniform(small, large), 0, side(rng))
    me.ellipse(0, 0, 1.08, 0.1, shade(ASPHALT, 0.4), SATIN)
    return me


def _wheels(me: Canvas, places: Sequence[float], radius: float) -> None:
    for x in places:
        me.ellipse(x, -radius * 0.9, radius * 1.2, radius * 1.2, shade(BLACK, 0.8), SMOOTH)
        me.ball(x, -radius * 0.9, radius, radius, (52, 50, 52), SATIN)
        me.ball(x, -radius * 0.9, radius * 0.58, radius * 0.58, (196, 198, 202), SMOOTH, depth=0.4)
        me.ellipse(x, -radius * 0.9, radius * 0.16, radius * 0.16, (90, 90, 94), SMOOTH)


def _lights(me: Canvas, front: float, y: float) -> None:
    me.ellipse(front - 0.06, y, 0.06, 0.05, (255, 244, 196), SMOOTH)
    me.box(-1, y - 0.06, -0.94, y + 0.05, (206, 44, 40), SMOOTH)


SCENES: dict[str, tuple[Callable[[Canvas, np.random.Generator], None], ...]] = {
    "animals": (cat, rabbit, bird, fish),
    "human_faces": (face,),
    "vehicles": (car, bus, truck),
}
