import pytest

from tests import tiny
from tfrecords import exits
from trainer import config as configs
from trainer import outlook


def _config(tmp_path, **changes):
    defaults = {"data_dir": str(tmp_path), "dataset": "tiny", "device_memory_gb": 16.0}
    return configs.TrainConfig(**{**defaults, **changes})


def test_a_dataset_gives_classes_size_and_steps(tmp_path):
    tiny.write(tmp_path, class_names=("a", "b", "c"))
    found = outlook.look(_config(tmp_path, global_batch_size=8), probes=False)
    assert found["image_size"] == 16
    assert found["num_classes"] == 3
    assert found["steps_per_epoch"] == 6
    assert found["replicas"] == 1
    assert list(found["phases"]) == ["train"]
    # 98,289 parameters with one logit; 128 more weights and a bias for each of two more.
    assert found["phases"]["train"]["parameters"] == 98_289 + 2 * 129
    assert found["phases"]["train"]["micro_batch"] == 8


def test_without_a_dataset_flags_decide(tmp_path, tiny_backbone):
    config = _config(tmp_path, model=tiny_backbone, image_size=16, fine_tune_epochs=1)
    found = outlook.look(config, num_replicas=4, num_examples=1000, probes=False)
    assert (found["replicas"], found["steps_per_epoch"]) == (4, 15)
    assert list(found["phases"]) == ["head", "fine_tune"]
    assert found["phases"]["head"]["trainable_parameters"] == 6
    # A pretrained batch norm keeps its statistics; its scale and offset train.
    assert found["phases"]["fine_tune"]["trainable_parameters"] == 55
    assert found["phases"]["head"]["per_replica_batch_size"] == 16


def test_without_a_number_of_examples_there_are_no_steps(tmp_path):
    found = outlook.look(_config(tmp_path, image_size=16), probes=False)
    assert found["steps_per_epoch"] is None
    text = outlook.as_text(found)
    assert "steps per epoch: build the dataset, or give --num_examples" in text
    assert "Phase train: 98,289 parameters, 97,809 trainable" in text
    assert "micro-batch 64 of 64 per replica: planned 0." in text


def test_what_does_not_fit_is_said(tmp_path):
    config = _config(tmp_path, image_size=16, device_memory_gb=0.01)
    found = outlook.look(config, probes=False)
    assert found["phases"]["train"]["micro_batch"] == 1
    assert not found["phases"]["train"]["fits"]
    assert "GB, which does not fit" in outlook.as_text(found)


def test_a_probe_tells_the_time_of_an_epoch(tmp_path):
    found = outlook.look(_config(tmp_path, image_size=16), num_examples=640)
    phase = found["phases"]["train"]
    assert phase["seconds_per_epoch_here"] == pytest.approx(phase["seconds_per_example_here"] * 640)
    assert "minutes an epoch on devices like this machine's" in outlook.as_text(found)


def test_replicas_that_do_not_divide_the_batch_are_refused(tmp_path):
    with pytest.raises(exits.UsageError, match="multiple of the 3 replicas. Received: 64"):
        outlook.look(_config(tmp_path, image_size=16), num_replicas=3, probes=False)


def test_without_a_dataset_the_target_tells_the_number_of_classes(tmp_path):
    config = _config(tmp_path, target="content", image_size=16)
    assert outlook.look(config, probes=False)["num_classes"] == 3


def test_flags_of_the_head_count(tmp_path):
    config = _config(tmp_path, image_size=16, head_units="8", head_batch_norm=True)
    found = outlook.look(config, probes=False)["phases"]["train"]
    # In place of 129 of the last layer: 128 * 8 + 8, four numbers for each of eight, 8 + 1.
    assert found["parameters"] == 98_289 - 129 + 1032 + 32 + 9
