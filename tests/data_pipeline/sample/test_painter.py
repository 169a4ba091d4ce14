import collections
import hashlib
import io
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from data_pipeline.sample import painter

SEED = 5
NUM_IMAGES = 1_200  # of which the tests of a whole set paint

BASELINE, PROGRESSIVE, EXIF = b"\xff\xc0", b"\xff\xc2", b"Exif\x00"


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [_paint(painting) for painting in painter.paintings(NUM_IMAGES)]


@pytest.fixture(scope="module")
def pictures(files: list[bytes]) -> npt.NDArray[np.uint8]:
    return np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in files])


@pytest.fixture(scope="module")
def labels() -> npt.NDArray[np.int64]:
    return np.array([int(painting.fake) for painting in painter.paintings(NUM_IMAGES)])


def test_listing_is_balanced_over_label_and_content():
    counts = collections.Counter((p.fake, p.content) for p in painter.paintings())

    assert counts == {
        (False, "animals"): 400,
        (False, "human_faces"): 400,
        (False, "vehicles"): 400,
        (True, "animals"): 400,
        (True, "human_faces"): 400,
        (True, "vehicles"): 400,
    }


def test_listing_of_any_length_differs_by_one_at_most():
    counts = collections.Counter((p.fake, p.content) for p in painter.paintings(16))

    assert sorted(counts.values()) == [2, 2, 3, 3, 3, 3]


def test_listing_names_its_files():
    assert [p.path for p in painter.paintings(7)] == [
        "real/animals/00000.jpg",
        "real/human_faces/00001.jpg",
        "real/vehicles/00002.jpg",
        "fake/animals/00003.jpg",
        "fake/human_faces/00004.jpg",
        "fake/vehicles/00005.jpg",
        "real/animals/00006.jpg",
    ]


@pytest.mark.parametrize("fake", [False, True])
@pytest.mark.parametrize("content", ["animals", "human_faces", "vehicles"])
def test_picture_is_a_baseline_jpeg(content: str, fake: bool):
    data = painter.paint(content, fake, SEED, 0)

    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (96, 96))
        assert [(c[1], c[2]) for c in image.layer] == [(2, 2), (1, 1), (1, 1)]  # 4:2:0
    assert BASELINE in data
    assert PROGRESSIVE not in data
    assert EXIF not in data


def test_same_arguments_give_the_same_bytes_in_another_process():
    code = (
        "import hashlib; from data_pipeline.sample import painter;"
        "print(hashlib.sha256(painter.paint('human_faces', True, 7, 3)).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    digest = hashlib.sha256(painter.paint("human_faces", True, 7, 3)).hexdigest()
    assert digest == hashlib.sha256(painter.paint("human_faces", True, 7, 3)).hexdigest()
    assert digest == other.stdout.strip()


def test_seed_index_and_label_change_the_picture():
    arguments = [(False, 0, 0), (False, 0, 1), (False, 1, 0), (True, 0, 0)]

    assert len({painter.paint("vehicles", *each) for each in arguments}) == 4


def test_real_and_fake_of_one_index_show_the_same_scene():
    real, fake = (_pixels(painter.paint("animals", label, SEED, 1)) for label in (False, True))

    assert np.corrcoef(real.ravel(), fake.ravel())[0, 1] > 0.95
    np.testing.assert_allclose(real.mean(axis=(0, 1)), fake.mean(axis=(0, 1)), atol=0.5)
    np.testing.assert_allclose(real.std(axis=(0, 1)), fake.std(axis=(0, 1)), atol=0.5)


def test_unknown_content_is_rejected():
    with pytest.raises(ValueError, match=r"content must be one of .* Received: content='boats'"):
        painter.paint("boats", False, 0, 0)


def test_negative_index_is_rejected():
    with pytest.raises(ValueError, match="non-negative"):
        painter.paint("animals", False, 0, -1)


def test_detector_finds_one_face_in_faces_and_none_elsewhere():
    detector = pytest.importorskip("dlib").get_frontal_face_detector()
    found: dict[str, list[int]] = collections.defaultdict(list)
    for painting in painter.paintings(180):
        found[painting.content].append(len(detector(_pixels(_paint(painting)), 1)))

    assert len(found["human_faces"]) == 60
    assert sum(count == 1 for count in found["human_faces"]) >= 57
    assert sum(count > 0 for count in found["animals"]) <= 3
    assert sum(count > 0 for count in found["vehicles"]) <= 3


def test_format_and_colour_do_not_tell_the_label(
    files: list[bytes], pictures: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]
):
    linear_model = pytest.importorskip("sklearn.linear_model")
    model_selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    facts = np.array([_facts(*each) for each in zip(files, pictures, strict=True)])
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.LogisticRegression(max_iter=1_000)
    )
    folds = model_selection.StratifiedKFold(5, shuffle=True, random_state=0)

    scores = model_selection.cross_val_predict(
        model, facts, labels, cv=folds, method="decision_function"
    )

    assert 0.45 < _auc(scores, labels) < 0.55


def test_doubling_shows_as_pairs_of_pixels(
    pictures: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]
):
    assert _auc(_pairing(pictures[:300]), labels[:300]) > 0.97


def test_fakes_are_not_less_sharp(pictures: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]):
    sharpness = np.abs(np.diff(pictures.mean(axis=-1), axis=2)).mean(axis=(1, 2))

    assert 0.42 < _auc(sharpness, labels) < 0.58


def _paint(painting: painter.Painting) -> bytes:
    return painter.paint(painting.content, painting.fake, SEED, painting.index)


def _pixels(data: bytes) -> npt.NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(data)))


def _facts(data: bytes, picture: npt.NDArray[np.uint8]) -> list[float]:
    """What a table of the files would show without looking at neighbouring pixels."""
    bins = [np.histogram(picture[..., c], bins=8, range=(0, 256))[0] for c in range(3)]
    colours = [picture.mean(axis=(0, 1)), picture.std(axis=(0, 1)), *bins]
    return [len(data), *picture.shape[:2], *np.concatenate(colours)]


def _pairing(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """How much differences of neighbours depend on whether the first one's place is even."""
    grey = pictures.mean(axis=-1)
    score = np.zeros(len(grey))
    for image in (grey, grey.transpose(0, 2, 1)):
        change = np.square(np.diff(image, axis=2)).mean(axis=1)
        score += np.abs(np.log(change[:, ::2].mean(axis=1) / change[:, 1::2].mean(axis=1)))
    return score


def _auc(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """The share of pairs of a fake and a real picture in which the fake scores higher."""
    fakes, reals = scores[labels == 1], scores[labels == 0]
    return float(np.mean(fakes[:, None] > reals[None, :]))
