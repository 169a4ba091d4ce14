"""Where the scenes of the embedded dataset take place: backgrounds that fill the canvas."""

import numpy as np

from data_pipeline.sample.drawing import (
    ASPHALT,
    COARSE,
    GLASS,
    SATIN,
    SHAGGY,
    SMOOTH,
    WHITE,
    Canvas,
    mix,
    shade,
    vivid,
)


def room(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wall with things on it, out of focus."""
    wall = vivid(rng, 0.28, 0.68)
    canvas.gradient(0, 1, shade(wall, 1.15), shade(wall, 0.75))
    for _ in range(rng.integers(4, 10)):
        x, y, w, h = rng.uniform((-0.1, -0.1, 0.08, 0.1), (0.95, 0.8, 0.4, 0.5))
        thing = shade(mix(wall, vivid(rng), rng.uniform(0.1, 0.5)), rng.uniform(0.55, 1.35))
        canvas.box(x, y, x + w, y + h, thing, SMOOTH)
    canvas.soften(rng.uniform(4, 9))


def foliage(canvas: Canvas, rng: np.random.Generator) -> None:
    """Leaves and lights far behind."""
    green = mix((84, 128, 70), vivid(rng), 0.35)
    canvas.gradient(0, 1, shade(green, 1.3), shade(green, 0.6))
    for x, y, r, light in rng.uniform((0, 0, 0.04, 0.6), (1, 1, 0.16, 1.7), size=(16, 4)):
        canvas.ellipse(x, y, r, r, shade(mix(green, (220, 214, 120), light / 5), light), SMOOTH)
    canvas.soften(rng.uniform(3, 6))


def sky(canvas: Canvas, rng: np.random.Generator, horizon: float) -> None:
    """Noon, evening or haze, with a few clouds."""
    tops = ((86, 146, 214), (120, 168, 216), (96, 92, 150), (168, 184, 200))
    bottoms = ((198, 222, 240), (236, 224, 206), (246, 182, 130), (214, 218, 222))
    hour = rng.integers(len(tops))
    canvas.gradient(0, horizon, tops[hour], bottoms[hour])
    for x, y, r in rng.uniform((0, 0, 0.06), (1, horizon * 0.7, 0.12), size=(3, 3)):
        for dx in (-0.8, 0, 0.7):
            canvas.ellipse(
                x + dx * r, y + abs(dx) * r / 4, r, r / 2.6, mix(tops[hour], WHITE, 0.75)
            )
    canvas.soften(2.5)


def meadow(canvas: Canvas, rng: np.random.Generator) -> None:
    """Sky, hills, grass and flowers."""
    horizon = rng.uniform(0.42, 0.6)
    sky(canvas, rng, horizon + 0.1)
    green = mix((96, 146, 66), (176, 158, 84), rng.uniform(0, 0.8))
    for x, r in rng.uniform((0, 0.25), (1, 0.5), size=(3, 2)):
        canvas.ellipse(x, horizon + 0.14, r, 0.2, mix(green, (120, 150, 170), 0.45), SATIN)
    canvas.gradient(horizon, 1, shade(green, 1.1), shade(green, 0.7), SHAGGY)
    flower = vivid(rng, 0.5, 0.9)
    for x, y in rng.uniform((0, horizon + 0.05), (1, 1), size=(14, 2)):
        canvas.ellipse(x, y, 0.008 + 0.012 * y, 0.007 + 0.01 * y, flower)


def sea(canvas: Canvas, rng: np.random.Generator) -> None:
    """Under water: rays from above, sand, weeds and bubbles."""
    water = mix((60, 150, 190), (40, 150, 130), rng.random())
    canvas.gradient(0, 1, mix(water, WHITE, 0.35), shade(water, 0.45), SATIN)
    for x in rng.uniform(-0.1, 1, size=4):
        ray = [(x, 0), (x + 0.08, 0), (x - 0.05, 0.9), (x - 0.25, 0.9)]
        canvas.polygon(ray, mix(water, WHITE, 0.16))
    canvas.soften(5)
    canvas.ellipse(rng.uniform(0.2, 0.8), 1.02, 0.9, 0.16, mix((206, 188, 140), water, 0.3), SHAGGY)
    weed = mix((50, 120, 60), vivid(rng), 0.3)
    for x, h, lean in rng.uniform((0, 0.12, -0.08), (1, 0.4, 0.08), size=(7, 3)):
        canvas.polygon([(x - 0.025, 1), (x + lean, 1 - h), (x + 0.025, 1)], shade(weed, 0.6 + h))
    for x, y, r in rng.uniform((0, 0, 0.008), (1, 0.8, 0.022), size=(9, 3)):
        canvas.ellipse(x, y, r, r, mix(water, WHITE, 0.6), SMOOTH)


def street(canvas: Canvas, rng: np.random.Generator) -> float:
    """Houses or trees along a road; returns the y on which wheels stand."""
    kerb = rng.uniform(0.6, 0.7)
    sky(canvas, rng, kerb)
    backdrop = houses if rng.random() < 0.6 else trees
    backdrop(canvas, rng, kerb)
    canvas.soften(1.2)
    canvas.box(0, kerb, 1, kerb + 0.05, (176, 170, 162), COARSE)
    canvas.gradient(kerb + 0.05, 1, shade(ASPHALT, 0.85), shade(ASPHALT, 1.15), COARSE)
    shift = rng.uniform(-0.3, 0)
    for x in np.arange(shift, 1, 0.3):
        canvas.polygon([(x, 0.93), (x + 0.16, 0.93), (x + 0.15, 0.955), (x - 0.02, 0.955)], WHITE)
    return kerb + rng.uniform(0.1, 0.18)


def houses(canvas: Canvas, rng: np.random.Generator, ground: float) -> None:
    """A row of fronts with windows, some of them lit."""
    left = rng.uniform(-0.2, 0)
    while left < 1:
        width, top = rng.uniform(0.16, 0.3), rng.uniform(0.08, 0.4)
        wall = mix((188, 160, 140), vivid(rng, 0.35, 0.7), 0.5)
        canvas.box(left, top, left + width, ground, wall, COARSE)
        canvas.box(left, top - 0.02, left + width, top + 0.015, shade(wall, 0.6), SATIN)
        for x in np.arange(left + 0.03, left + width - 0.04, 0.075):
            for y in np.arange(top + 0.05, ground - 0.06, 0.11):
                pane = (250, 222, 150) if rng.random() < 0.2 else GLASS
                canvas.box(x, y, x + 0.04, y + 0.06, pane, SMOOTH)
        left += width


def trees(canvas: Canvas, rng: np.random.Generator, ground: float) -> None:
    """Round trees before a hedge."""
    green = mix((70, 118, 60), (190, 120, 50), rng.uniform(0, 0.7))
    canvas.box(0, ground - 0.1, 1, ground, shade(green, 0.6), SHAGGY)
    for x, y, r, light in rng.uniform((0, 0.2, 0.1, 0.75), (1, 0.38, 0.2, 1.2), size=(5, 4)):
        canvas.box(x - 0.015, y, x + 0.015, ground, (92, 68, 50), COARSE)
        canvas.ball(x, y, r, r * 1.1, shade(green, light), SHAGGY, depth=0.4)
