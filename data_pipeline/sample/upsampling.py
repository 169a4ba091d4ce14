"""The trace that a generator's up-sampling leaves in a picture, and a lens that leaves none.

A convolutional generator reaches its resolution by doubling: nearest neighbours or a transposed
convolution, then a convolution that smooths. Doubling repeats the spectrum of the small picture
around the highest frequency, and no later layer quite removes the copy.

Sources: Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016; Durall et al.,
"Watch your Up-Convolution", CVPR 2020; Frank et al., "Leveraging Frequency Analysis for Deep Fake
Image Recognition", ICML 2020.
"""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]

NEAREST_TAPS = (0.0, 1.0, 1.0, 0.0)  # of a stride 2 transposed convolution, 4 along an axis
LEARNED_TAPS = (0.15, 0.85, 0.85, 0.15)  # between nearest and bilinear
TAP_ERROR = (0.008, 0.024)  # range of what training leaves uneven: the checkerboard
DETAIL = 0.25  # share of the lost detail that later layers paint again at the full size
STRENGTH = (0.6, 1.0)  # share of the trace that is left in a picture
# Outer weight of a [w, 1 - 2 w, w] blur, from the sharpest picture to the most blurred.
NEAREST_SMOOTHING = (0.04, 0.12)  # .25 would erase the trace
LEARNED_SMOOTHING = (0.005, 0.095)
LENS = (0.14, 0.165)  # leaves the detail that a generated picture has


def photograph(scene: Pixels, blur: float) -> Pixels:
    """Returns the scene as a lens sees it, blurred like a generated picture but not periodic.

    Args:
        scene: float32 [height, width, 3], nominally in [0, 255].
        blur: from 0 to 1.
    """
    return _smooth(scene, _at(LENS, blur))


def generate(scene: Pixels, blur: float, rng: np.random.Generator) -> Pixels:
    """Returns the scene halved and doubled again, with the colours of `photograph(scene, blur)`.

    Args:
        scene: float32 [height, width, 3], even height and width, nominally in [0, 255].
        blur: from 0 to 1, with as much detail as the photograph has there.
        rng: chooses the kind of doubling and where its grid begins.
    """
    taps, smoothing = NEAREST_TAPS, NEAREST_SMOOTHING
    if rng.random() < 0.5:
        error = rng.choice((-1, 1)) * rng.uniform(*TAP_ERROR)
        taps = tuple(np.add(LEARNED_TAPS, (0, error, -error, 0)))
        smoothing = LEARNED_SMOOTHING
    top, left = rng.integers(2, size=2)
    low = _halve(np.pad(scene, ((top, top), (left, left), (0, 0)), mode="edge"))
    doubled = _double(_double(low, taps, axis=0), taps, axis=1)
    smoothed = _smooth(doubled, _at(smoothing, blur))
    height, width, _ = scene.shape
    aligned = smoothed[top : top + height, left : left + width]
    photographed = photograph(scene, blur)
    trace = aligned + DETAIL * (scene - aligned) - photographed
    return _match_colours(photographed + rng.uniform(*STRENGTH) * trace, photographed)


def _at(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def _halve(image: Pixels) -> Pixels:
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))


def _double(image: Pixels, taps: tuple[float, ...], axis: int) -> Pixels:
    """A transposed convolution of stride 2 along one axis, one phase of its output at a time."""
    before, after = _shifted(image, axis)
    first, second, third, fourth = (np.float32(tap) for tap in taps)
    phases = (fourth * before + second * image, third * image + first * after)
    shape = [2 * size if i == axis else size for i, size in enumerate(image.shape)]
    return np.stack(phases, axis=axis + 1).reshape(shape)


def _smooth(image: Pixels, outer: float) -> Pixels:
    """Convolves both axes with [outer, 1 - 2 outer, outer]."""
    for axis in (0, 1):
        before, after = _shifted(image, axis)
        image = np.float32(1 - 2 * outer) * image + np.float32(outer) * (before + after)
    return image


def _shifted(image: Pixels, axis: int) -> tuple[Pixels, Pixels]:
    """The image moved by one pixel either way along an axis, its edge repeated."""
    size = image.shape[axis]
    index = np.arange(size)
    before, after = np.maximum(index - 1, 0), np.minimum(index + 1, size - 1)
    return image.take(before, axis=axis), image.take(after, axis=axis)


def _match_colours(image: Pixels, reference: Pixels) -> Pixels:
    """Gives each channel exactly the histogram of the reference, rank by rank."""
    matched = np.empty_like(image)
    for channel in range(image.shape[2]):
        ranks = np.argsort(image[..., channel], axis=None)
        matched[..., channel].flat[ranks] = np.sort(reference[..., channel], axis=None)
    return matched
