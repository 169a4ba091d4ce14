import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import tiny
from tfrecords import dataset, reader
from trainer import input_pipeline
from trainer.augment import policies

FLIP_CROP = policies.POLICIES["flip_crop"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return dataset.load(tiny.write(tmp_path_factory.mktemp("data")))


def _jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


def _noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _train(source, **options):
    defaults = {
        "image_size": 16,
        "global_batch_size": 8,
        "seed": 0,
        "epoch": 0,
        "policy": FLIP_CROP,
    }
    batches = input_pipeline.for_train(source, "label", **{**defaults, **options})
    return list(batches.as_numpy_iterator())


def _eval(source, split="test", **options):
    options = {"image_size": 16, "global_batch_size": 4, **options}
    batches = input_pipeline.for_eval(source, split, "label", **options)
    return list(batches.as_numpy_iterator())


def _column(batches, name):
    return np.concatenate([batch[name] for batch in batches])


def test_the_parts_of_two_workers_are_the_rows_of_the_whole_batches(source):
    whole = _train(source, start_step=2)
    first, second = (_train(source, start_step=2, part=(index, 2)) for index in (0, 1))
    assert len(whole) == len(first) == len(second) == 4
    for name in whole[0]:
        for step in range(4):
            rows = np.concatenate([first[step][name], second[step][name]])
            assert np.array_equal(rows, whole[step][name]), name


@pytest.mark.parametrize("start", [0, 3])
def test_the_parts_of_features_are_the_rows_of_the_whole_batches(tmp_path, start):
    path = tiny.write(tmp_path, train=64, validation=0, group_size=2)
    held = reader.hold_out(dataset.load(path), 0.25)
    options = {"image_size": 16, "global_batch_size": 8, "seed": 0, "policy": FLIP_CROP}
    whole, first, second = (
        list(
            input_pipeline.for_features(
                held, "train", "label", view=1, start=start, part=part, **options
            ).as_numpy_iterator()
        )
        for part in (input_pipeline.WHOLE, (0, 2), (1, 2))
    )
    assert len(whole) > 1
    for batch, *parts in zip(whole, first, second, strict=True):
        for name, values in batch.items():
            assert np.concatenate([part[name] for part in parts]).tolist() == values.tolist()


@pytest.mark.parametrize("examples", [9, 10, 11, 12])
def test_in_evaluation_the_parts_are_filled_to_as_many_batches(tmp_path, examples):
    source = dataset.load(tiny.write(tmp_path, test=examples))
    parts = [_eval(source, part=(index, 2)) for index in (0, 1)]
    assert [[len(batch["label"]) for batch in part] for part in parts] == [[2, 2, 2]] * 2
    weights = [_column(part, "weight") for part in parts]
    positions = [_column(part, "position") for part in parts]
    counted = np.concatenate([p[w > 0] for p, w in zip(positions, weights, strict=True)])
    assert sorted(counted) == list(range(examples))


def test_an_image_of_the_right_size_keeps_every_byte():
    jpeg = _jpeg(_noise(16, 16))
    assert np.array_equal(
        input_pipeline.decode(jpeg, 16), tf.io.decode_jpeg(jpeg, dct_method="INTEGER_ACCURATE")
    )


@pytest.mark.parametrize(
    ("height", "width", "top", "left"),
    [(17, 17, 0, 0), (18, 20, 1, 2), (20, 20, 2, 2), (16, 48, 0, 16), (48, 16, 16, 0)],
)
def test_an_image_up_to_a_quarter_larger_is_cropped_and_not_resampled(height, width, top, left):
    jpeg = _jpeg(_noise(height, width))
    whole = tf.io.decode_jpeg(jpeg, dct_method="INTEGER_ACCURATE").numpy()
    expected = whole[top : top + 16, left : left + 16]
    assert np.array_equal(input_pipeline.decode(jpeg, 16), expected)


@pytest.mark.parametrize("size", [21, 64])
def test_a_larger_image_is_scaled_down_whole(size):
    # Black above and white below; a crop would hold as much of both, so the border is marked.
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[size // 2 :] = 255
    pixels[:, : size // 8] = 128
    image = input_pipeline.decode(_jpeg(pixels), 16).numpy().astype(int)
    assert image.shape == (16, 16, 3)
    assert np.abs(image[:, 0] - 128).max() < 25
    assert image[2, 8].max() < 25
    assert image[13, 8].min() > 230


def test_a_smaller_image_is_scaled_up():
    image = input_pipeline.decode(_jpeg(np.full((5, 7, 3), 77, np.uint8)), 16)
    assert image.shape == (16, 16, 3)
    assert np.abs(image.numpy().astype(int) - 77).max() <= 1


@pytest.mark.parametrize("axis", [0, 1])
def test_of_a_large_oblong_image_the_middle_is_taken(axis):
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 64:128] = 255
    jpeg = _jpeg(pixels if axis else pixels.transpose(1, 0, 2))
    image = input_pipeline.decode(jpeg, 16).numpy()
    assert image.shape == (16, 16, 3)
    assert image[2:-2, 2:-2].min() > 240


def test_a_grey_image_gets_three_equal_channels():
    image = input_pipeline.decode(_jpeg(_noise(16, 16)[:, :, 0]), 16).numpy()
    assert image.shape == (16, 16, 3)
    assert np.array_equal(image[..., 0], image[..., 2])


def test_decoding_in_a_map_gives_the_same_and_a_known_shape():
    jpegs = [_jpeg(_noise(size, size)) for size in (8, 16, 19, 40)]
    images = tf.data.Dataset.from_tensor_slices(jpegs).map(lambda j: input_pipeline.decode(j, 16))
    assert images.element_spec == tf.TensorSpec([16, 16, 3], tf.uint8)
    for jpeg, image in zip(jpegs, images, strict=True):
        assert np.array_equal(image, input_pipeline.decode(jpeg, 16))


def test_training_batches_are_whole_and_typed(source):
    batches = _train(source)
    assert len(batches) == 6
    for batch in batches:
        found = {name: (value.shape, str(value.dtype)) for name, value in batch.items()}
        assert found == {
            "image": ((8, 16, 16, 3), "uint8"),
            "label": ((8,), "int64"),
            "position": ((8,), "int64"),
            "weight": ((8,), "float32"),
            "noise": ((8, 4), "float32"),
        }
    assert _column(batches, "position").tolist() == list(range(48))
    assert _column(batches, "weight").tolist() == [1] * 48
    assert np.bincount(_column(batches, "label")).tolist() == [24, 24]


def test_each_image_keeps_its_label(source):
    batches = _train(source)
    shades = _column(batches, "image").mean(axis=(1, 2, 3))
    # Class 0 is painted at 60, class 1 at 180.
    assert np.array_equal(shades > 120, _column(batches, "label") == 1)


def test_examples_that_fill_no_batch_are_left_out(source):
    batches = _train(source, global_batch_size=7)
    assert _column(batches, "position").tolist() == list(range(42))


@pytest.mark.parametrize("start_step", [1, 4, 6])
def test_an_epoch_goes_on_exactly_where_it_stopped(source, start_step):
    expected = _train(source, epoch=3)[start_step:]
    found = _train(source, epoch=3, start_step=start_step)
    assert len(found) == 6 - start_step
    for one, other in zip(found, expected, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_mixed_batches_go_on_exactly_where_they_stopped(source):
    whole = _train(source, mixup_alpha=0.4)
    rest = _train(source, mixup_alpha=0.4, start_step=2)
    assert whole[0].keys() == _train(source)[0].keys() | {"partner_label", "share"}
    for batch, expected in zip(rest, whole[2:], strict=True):
        for name, values in expected.items():
            assert np.array_equal(batch[name], values), name


@pytest.mark.parametrize("change", [{"epoch": 1}, {"seed": 1}])
def test_another_epoch_or_seed_has_another_order_and_the_same_images(source, change):
    one = _column(_train(source), "image")
    other = _column(_train(source, **change), "image")
    assert not np.array_equal(one, other)
    assert sorted(map(bytes, one)) == sorted(map(bytes, other))


def test_noise_depends_on_seed_epoch_and_position_alone(source, tmp_path):
    noise = _column(_train(source), "noise")
    assert np.array_equal(noise, _column(_train(source, global_batch_size=12), "noise"))
    smaller = dataset.load(tiny.write(tmp_path, train=16, shards=1))
    assert np.array_equal(noise[:16], _column(_train(smaller), "noise"))
    assert len(np.unique(noise)) == noise.size
    assert noise.min() >= 0
    assert noise.max() < 1
    for change in ({"epoch": 1}, {"seed": 1}):
        assert not np.isin(_column(_train(source, **change), "noise"), noise).any()


def test_an_evaluation_counts_each_example_once_and_fills_up_with_weight_0(source):
    batches = _eval(source)
    assert [batch["weight"].tolist() for batch in batches] == [[1] * 4, [1] * 4, [1, 1, 0, 0]]
    assert _column(batches, "position")[:10].tolist() == list(range(10))
    assert _column(batches, "label")[:10].tolist() == [0, 1, 0, 1, 1, 0, 1, 0, 1, 0]
    assert {batch["image"].shape for batch in batches} == {(4, 16, 16, 3)}
    assert batches[-1]["image"][:2].min() > 0
    assert batches[-1]["image"][2:].max() == 0
    assert "noise" not in batches[0]


def test_an_evaluation_that_the_batch_divides_has_no_filling(source):
    batches = _eval(source, global_batch_size=5)
    assert _column(batches, "weight").tolist() == [1] * 10


def test_images_are_found_by_position_in_the_order_asked_for(source):
    found = input_pipeline.images_at(source, "test", [5, 0, 9], 16)
    assert [image_id for image_id, _ in found] == [
        "test/0004.jpg",
        "test/0000.jpg",
        "test/0008.jpg",
    ]
    stored = _column(_eval(source), "image")
    for (_, image), position in zip(found, [5, 0, 9], strict=True):
        assert np.array_equal(image, stored[position])


def _by_image(batches):
    pairs = zip(_column(batches, "image"), _column(batches, "label"), strict=True)
    return {bytes(image): int(label) for image, label in pairs}


def test_labels_by_lot_are_those_of_the_image_in_every_epoch(source):
    true = _by_image(_train(source))
    drawn = _by_image(_train(source, shuffle_labels=True))
    assert drawn == _by_image(_train(source, shuffle_labels=True, epoch=5))
    agreeing = sum(drawn[image] == label for image, label in true.items())
    assert 12 < agreeing < 36
    assert set(drawn.values()) == {0, 1}


def test_a_group_draws_one_label_by_lot(tmp_path):
    groups = dataset.load(tiny.write(tmp_path, test=40, shards=1, group_size=4))
    labels = _column(_eval(groups, shuffle_labels_seed=3), "label")[:40].reshape(10, 4)
    assert (labels == labels[:, :1]).all()
    assert 0 < labels.mean() < 1


def test_labels_by_lot_depend_on_the_seed_in_an_evaluation_too(source):
    labels = [
        _column(_eval(source, "validation", shuffle_labels_seed=seed), "label").tolist()
        for seed in (None, 0, 0, 1)
    ]
    assert labels[1] == labels[2]
    assert labels[0] != labels[1] != labels[3]
