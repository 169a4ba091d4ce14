import dataclasses

import pytest

from tests import tiny
from tfrecords import exits
from trainer import config as configs
from trainer import outlook
from trainer.capacity import segments


@pytest.fixture
def look(tmp_path):
    """Looks at a training of the painted dataset, if it is there."""

    def call(asked=(), **changes):
        defaults = {"data_dir": str(tmp_path), "dataset": "tiny", "device_memory_gb": 16.0}
        config = configs.TrainConfig(**{**defaults, **changes})
        return outlook.look(config, outlook.OutlookConfig(**{"probe": False, **dict(asked)}))

    return call


def test_a_dataset_gives_classes_size_and_steps(tmp_path, look):
    tiny.write(tmp_path, class_names=("a", "b", "c"))
    found = look(global_batch_size=8)
    assert found["without_dataset"] is None
    assert found["image_size"] == 16
    assert found["num_classes"] == 3
    assert found["steps_per_epoch"] == 6
    assert found["replicas"] == 1
    assert found["precision"] == "float32"
    assert list(found["phases"]) == ["train"]
    # 98,289 parameters with one logit; 128 more weights and a bias for each of two more.
    assert found["phases"]["train"]["parameters"] == 98_289 + 2 * 129
    assert found["phases"]["train"]["micro_batch"] == 8


def test_without_a_dataset_flags_decide(look, tiny_backbone):
    asked = {"num_replicas": 4, "num_examples": 1000}
    found = look(asked, model=tiny_backbone, image_size=16, fine_tune_epochs=1)
    assert (found["replicas"], found["steps_per_epoch"]) == (4, 15)
    assert list(found["phases"]) == ["head", "fine_tune"]
    assert found["phases"]["head"]["trainable_parameters"] == 6
    # A pretrained batch norm keeps its statistics; its scale and offset train.
    assert found["phases"]["fine_tune"]["trainable_parameters"] == 55
    assert found["phases"]["head"]["per_replica_batch_size"] == 16


def test_what_is_computed_again_is_planned_where_a_backbone_trains(
    look, tiny_backbone, monkeypatch
):
    monkeypatch.setattr(segments, "WORTH", 10)  # of so small a network nothing is, by itself
    found = look(model=tiny_backbone, image_size=16, fine_tune_epochs=1, remat=True)["phases"]
    assert {name: phase["remat"] for name, phase in found.items()} == {
        "head": False,
        "fine_tune": True,
    }
    assert found["fine_tune"]["remat_saves"]
    kept = look(model=tiny_backbone, image_size=16, fine_tune_epochs=1)["phases"]["fine_tune"]
    assert (kept["remat"], kept["remat_saves"]) == (False, True)


def test_a_dataset_that_is_not_there_is_named_beside_those_that_are(tmp_path, look):
    tiny.write(tmp_path)
    found = look(dataset="tyni", image_size=16)
    assert "There is no dataset 'tyni'" in found["without_dataset"]
    assert "(there: tiny)" in found["without_dataset"]


def test_a_dataset_is_not_missed_where_flags_say_all(look):
    asked = {"num_classes": 2, "num_examples": 64}
    assert look(asked, image_size=16)["without_dataset"] is None


def test_a_data_dir_that_is_a_file_is_refused(tmp_path, look):
    (tmp_path / "file").touch()
    with pytest.raises(exits.UsageError, match="--data_dir must be a directory"):
        look(data_dir=str(tmp_path / "file"))


def test_without_a_number_of_examples_there_are_no_steps(look):
    found = look(image_size=16)
    assert found["steps_per_epoch"] is None
    assert found["phases"]["train"]["seconds_per_epoch_here"] is None


@pytest.mark.parametrize(
    ("changes", "micro_batch", "largest"), [({}, 1, 0), ({"micro_batch": "32"}, 32, 0)]
)
def test_what_does_not_fit_is_said(look, changes, micro_batch, largest):
    phase = look(image_size=16, device_memory_gb=0.01, **changes)["phases"]["train"]
    assert phase["micro_batch"] == micro_batch
    assert (phase["fits"], phase["largest_micro_batch"]) == (False, largest)


def test_a_probe_tells_the_time_of_an_epoch(look):
    phase = look({"probe": True, "num_examples": 640}, image_size=16)["phases"]["train"]
    assert phase["seconds_per_epoch_here"] == pytest.approx(phase["seconds_per_example_here"] * 640)
    assert phase["seconds_for_features_here"] is None


def test_a_head_on_cached_features_is_planned_and_timed_as_one(look, tiny_backbone):
    asked = {"probe": True, "num_examples": 640}
    head = look(asked, model=tiny_backbone, image_size=16, augment="none")["phases"]["head"]
    on_images = look(model=tiny_backbone, image_size=16)["phases"]["head"]
    assert (head["trains_on_features"], on_images["trains_on_features"]) == (True, False)
    activations = "activations_bytes_per_example"
    assert head[activations] < on_images[activations]
    assert head["seconds_for_features_here"] > 0


def test_a_precision_that_is_asked_for_is_planned_with(look):
    found = look(image_size=16, precision="float16")
    assert found["precision"] == "float16"
    assert found["phases"]["train"]["weights_bytes"] == 6 * 98_289


def test_replicas_that_do_not_divide_the_batch_are_refused(look):
    with pytest.raises(exits.UsageError, match="multiple of the 3 replicas. Received: 64"):
        look({"num_replicas": 3}, image_size=16)


def test_a_batch_larger_than_the_split_is_refused(look):
    with pytest.raises(exits.UsageError, match="must not exceed the 50 examples .* Received: 64"):
        look({"num_examples": 50}, image_size=16)


@pytest.mark.parametrize("field", ["num_replicas", "num_classes", "num_examples"])
def test_numbers_out_of_range_are_refused(field):
    with pytest.raises(exits.UsageError, match=f"--{field} must lie between .* Received: 0."):
        outlook.OutlookConfig(**{field: 0})


def test_without_a_dataset_the_target_tells_the_number_of_classes(look):
    assert look(target="content", image_size=16)["num_classes"] == 3


def test_flags_of_the_head_count(look):
    found = look(image_size=16, head_units="8", head_batch_norm=True)["phases"]["train"]
    # In place of 129 of the last layer: 128 * 8 + 8, four numbers for each of eight, 8 + 1.
    assert found["parameters"] == 98_289 - 129 + 1032 + 32 + 9


def test_what_is_asked_has_defaults():
    assert dataclasses.asdict(outlook.OutlookConfig()) == {
        "num_replicas": None,
        "num_classes": None,
        "num_examples": None,
        "probe": True,
        "json": False,
    }
