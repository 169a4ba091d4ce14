"""The quality is tested on the painted sample, with the copies that people make of pictures."""

import io
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, ImageOps

from data_pipeline.images import appearance, perceptual_hash
from data_pipeline.planning import near_duplicates
from data_pipeline.sample import painter

NUM_PAINTED = 240


def _signature(jpeg):
    return appearance.look(jpeg, 256).signature


def _find(signatures, bits=4):
    unpacked = perceptual_hash.unpack(signatures)
    return near_duplicates.find(lambda: unpacked, bits, range(len(signatures)))


@pytest.fixture(scope="module")
def painted_jpegs():
    return [
        painter.paint(painting.content, painting.fake, 0, painting.index)
        for painting in painter.paintings(NUM_PAINTED)
    ]


@pytest.fixture(scope="module")
def painted_signatures(painted_jpegs):
    return [_signature(jpeg) for jpeg in painted_jpegs]


def _cropped(image, left, top, right, bottom):
    width, height = image.size
    kept = (width * left, height * top, width * (1 - right), height * (1 - bottom))
    return image.crop([round(edge) for edge in kept])


COPIES = {
    "half the size": lambda image: image.reduce(2),
    "twice the size": lambda image: image.resize((192, 192), Image.Resampling.BICUBIC),
    "another aspect ratio": lambda image: image.resize((120, 80), Image.Resampling.LANCZOS),
    "quality 50": lambda image: image,
    "mirrored": ImageOps.mirror,
    "3 % less at a corner": lambda image: _cropped(image, 0.03, 0.03, 0, 0),
    "3 % less at the left": lambda image: _cropped(image, 0.03, 0, 0, 0),
    "3 % less in all": lambda image: _cropped(image, 0.015, 0.015, 0.015, 0.015),
    "3 % less at each edge": lambda image: _cropped(image, 0.03, 0.03, 0.03, 0.03),
    "cropped and mirrored": lambda image: ImageOps.mirror(_cropped(image, 0, 0.03, 0.03, 0)),
}


@pytest.mark.parametrize("kind", COPIES)
def test_of_planted_copies_95_percent_are_found(kind, painted_jpegs, painted_signatures):
    copies = []
    for jpeg in painted_jpegs:
        file = io.BytesIO()
        copy = COPIES[kind](Image.open(io.BytesIO(jpeg)))
        copy.save(file, "JPEG", quality=50 if kind == "quality 50" else 85)
        copies.append(_signature(file.getvalue()))
    pairs = _find([*painted_signatures, *copies]).links()
    found = sum(second - first == NUM_PAINTED for first, second in pairs)
    assert found >= 0.95 * NUM_PAINTED


def test_of_unrelated_pairs_at_most_one_in_ten_thousand_is_found(painted_signatures):
    num_pairs = NUM_PAINTED * (NUM_PAINTED - 1) // 2
    assert _find(painted_signatures).num_pairs <= num_pairs / 10_000


@pytest.mark.shared_data
def test_photographs_of_one_kind_are_not_tied(shared_data):
    paths = sorted((shared_data / "three_class").rglob("*.*"))
    signatures = [_signature(path.read_bytes()) for path in paths]
    found = [(paths[first].name, paths[second].name) for first, second in _find(signatures).links()]
    assert found == [("images__raccoon-11.jpg", "images__raccoon-116.jpg")]  # one photograph


HASHES = st.integers(0, 2**64 - 1)


@hypothesis.given(
    st.lists(HASHES, min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.sets(st.integers(0, 63), max_size=8)), max_size=24),
    st.integers(0, 6),
    st.sampled_from([1, 4, 1 << 20]),
)
def test_bands_find_what_comparing_all_finds(hashes, changes, bits, block):
    near = [
        hashes[place % len(hashes)] ^ sum(1 << bit for bit in flipped) for place, flipped in changes
    ]
    asked, kept = np.array(hashes, np.uint64), np.array([*near, *hashes], np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        # Both ways of comparing, and the ends of batches.
        patch.setattr(near_duplicates, "_BLOCK", block)
        patch.setattr(near_duplicates, "_COMPARED_AT_ONCE", 5)
        found = near_duplicates.within(asked, kept, bits)
    assert found == {
        (i, j)
        for i, one in enumerate(asked.tolist())
        for j, other in enumerate(kept.tolist())
        if (one ^ other).bit_count() <= bits
    }


def test_every_pair_is_found_once():
    random = np.random.default_rng(1)
    hashes = np.uint64(1) << random.integers(0, 64, (40, 2)).astype(np.uint64)
    hashes = np.bitwise_or.reduce(hashes, axis=1)  # any two of them differ in four bits or less
    found = [
        pair
        for left, right in near_duplicates._within(hashes, hashes, 4)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    ]
    assert sorted(found) == list(itertools.product(range(40), repeat=2))


def test_pictures_of_one_signature_are_compared_as_one(painted_signatures):
    one, other = painted_signatures[:2]
    found = _find([one, other, *[one] * 100_000, other])
    assert found.firsts[[0, 1, 2, 100_001, 100_002]].tolist() == [0, 1, 0, 0, 1]
    assert found.pairs.tolist() == []
    assert found.num_pairs == 100_001 * 100_000 // 2 + 1
    assert sum(1 for _ in found.links()) == 100_001


def test_many_random_hashes_have_the_pairs_that_comparing_all_finds():
    random = np.random.default_rng(0)
    asked = random.integers(0, 2**64, 300, np.uint64)
    flips = np.uint64(1) << random.integers(0, 64, (3000, 5)).astype(np.uint64)
    kept = np.repeat(asked, 10) ^ np.bitwise_xor.reduce(flips, axis=1)
    distances = np.bitwise_count(asked[:, None] ^ kept)
    assert near_duplicates.within(asked, kept, 4) == set(
        map(tuple, np.argwhere(distances <= 4).tolist())
    )


def test_no_bits_find_equal_hashes_alone(painted_signatures):
    signatures = [painted_signatures[0], "", painted_signatures[1], painted_signatures[0]]
    assert list(_find(signatures, 0).links()) == [(0, 3)]


def test_nothing_is_found_where_it_is_switched_off(painted_signatures):
    assert _find([painted_signatures[0]] * 3, -1).num_pairs == 0


@pytest.mark.parametrize("signatures", [[], [""], ["", "", ""]])
def test_pictures_without_a_signature_are_like_no_other(signatures):
    found = _find(signatures)
    assert (found.num_pairs, list(found.links())) == (0, [])
