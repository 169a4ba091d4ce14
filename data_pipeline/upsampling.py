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

NEAREST_TAPS = (0.0, 1.0, 1.0, 0.0)  # of a stride 2 transposed convolution, 4 taps along an axis
LEARNED_TAPS = (0.25, 0.75, 0.75, 0.25)  # bilinear, where Odena et al. let training begin
TAP_ERROR = 0.04  # standard deviation of what training leaves uneven; white grows a checkerboard
LENS = 0.24  # outer weight of the 3 tap blur with the detail of a doubled picture
SMOOTHING = (0.10, 0.21)  # range of that weight after doubling; .25 would erase the trace


def photograph(scene: Pixels) -> Pixels:
    """Returns the scene as a lens sees it, blurred like a generated picture but not periodic.

    Args:
        scene: float32 [height, width, 3], nominally in [0, 255].
    """
    return _smooth(_smooth(scene, LENS), LENS / 2)


def generate(scene: Pixels, rng: np.random.Generator) -> Pixels:
    """Returns the scene halved and doubled again, with the contrast of `photograph(scene)`.

    Args:
        scene: float32 [height, width, 3], even height and width, nominally in [0, 255].
        rng: chooses between nearest and transposed convolution and how much is smoothed.
    """
    taps = NEAREST_TAPS
    if rng.random() < 0.5:
        taps = tuple(np.add(LEARNED_TAPS, rng.normal(0, TAP_ERROR, 4)))
    doubled = _double(_double(_halve(scene), taps, axis=0), taps, axis=1)
    return _match_moments(_smooth(doubled, rng.uniform(*SMOOTHING)), photograph(scene))


def _halve(image: Pixels) -> Pixels:
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))


def _double(image: Pixels, taps: tuple[float, ...], axis: int) -> Pixels:
    """A transposed convolution of stride 2 along one axis, one phase of its output at a time."""
    before, after = _shifted(image, axis)
    first, second, third, fourth = np.float32(taps)
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


def _match_moments(image: Pixels, reference: Pixels) -> Pixels:
    """Gives each channel the mean and standard deviation of the reference."""
    gain = reference.std(axis=(0, 1)) / np.maximum(image.std(axis=(0, 1)), 1e-3)
    return (image - image.mean(axis=(0, 1))) * gain + reference.mean(axis=(0, 1))
