import pytest

from tests import tiny
from tfrecords import dataset
from trainer import config as configs
from trainer import decoded
from trainer.running import input_wait
from trainer.task import Task


@pytest.fixture
def make_task(tmp_path):
    """Makes tasks of a dataset of 48 training images of 32 px."""
    source = dataset.load(tiny.write(tmp_path, size=32))
    return lambda **changes: Task(
        configs.TrainConfig(**{"global_batch_size": 8, **changes}), source
    )


@pytest.fixture(params=[True, False])
def fits(request, monkeypatch):
    """Whether there is memory for the decoded images."""
    monkeypatch.setattr(decoded, "fits", lambda task: request.param)
    return request.param


def test_what_is_said_of_a_slow_input_is_said_once(make_task, fits):
    wait = input_wait.InputWait(make_task(), reads_images=True)
    assert wait.note(0.9, 29, epochs_left=3) is None
    said = wait.note(0.1, 11, epochs_left=3)
    assert said.startswith("68% of the time is spent waiting for input")
    assert ("from the next epoch on the decoded images, 0.0 GB, are kept" in said) == fits
    assert wait.note(0.9, 99, epochs_left=3) is None


def test_the_images_are_kept_from_the_next_epoch_on(make_task, fits):
    wait = input_wait.InputWait(make_task(), reads_images=True)
    assert wait.start_epoch() is None
    wait.note(0.9, 30, epochs_left=2)
    images = wait.start_epoch()
    assert (images is not None) == fits
    assert wait.start_epoch() is images


@pytest.mark.parametrize(
    ("changes", "reads_images", "epochs_left"),
    [({"decoded_cache": False}, True, 3), ({}, False, 3), ({}, True, 1)],
)
def test_images_are_not_kept_where_it_is_of_no_use(
    make_task, monkeypatch, changes, reads_images, epochs_left
):
    monkeypatch.setattr(decoded, "fits", lambda task: True)
    wait = input_wait.InputWait(make_task(**changes), reads_images=reads_images)
    said = wait.note(0.9, 30, epochs_left)
    assert wait.start_epoch() is None
    assert (said is None) == (not reads_images)


def test_a_fast_input_is_not_spoken_of(make_task, fits):
    wait = input_wait.InputWait(make_task(), reads_images=True)
    assert [wait.note(share, 20, epochs_left=3) for share in (0.3, 0.1, 0.2)] == [None] * 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"augment": "forensic"}, "--augment=forensic works on the CPU, too"),
        ({"image_size": 24}, "Images of 32 px are made smaller to 24 px in each epoch"),
        ({"image_size": 26}, "More than the 2 CPU cores of this machine would help"),
        ({}, "a smaller --image_size (received: 32)"),
    ],
)
def test_the_remedy_is_the_one_that_fits(make_task, changes, expected):
    assert expected in input_wait.remedy(make_task(**changes), num_cpus=2)
