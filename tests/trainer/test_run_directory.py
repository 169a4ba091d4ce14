import json

import pytest

from tfrecords import exits
from trainer import config as configs
from trainer import run_directory

DIGEST = "a" * 64


def _claim(path, *, weights_sha256=None, **fields):
    run_directory.claim(path, configs.TrainConfig(**fields), DIGEST, weights_sha256)


def _begin(path, **fields):
    """Claims a directory and leaves a checkpoint there."""
    _claim(path, **fields)
    (path / "checkpoints" / "train").mkdir(parents=True)
    (path / "checkpoints" / "train" / "ckpt-0.index").touch()


def test_a_run_that_came_to_nothing_may_be_given_other_flags(tmp_path):
    _claim(tmp_path, epochs=3)
    _claim(tmp_path, epochs=4)
    assert json.loads((tmp_path / "config.json").read_text())["epochs"] == 4


def test_a_claim_notes_flags_configuration_and_dataset(tmp_path):
    _claim(tmp_path, epochs=3)
    assert "--epochs=3\n" in (tmp_path / "flags.txt").read_text()
    noted = json.loads((tmp_path / "config.json").read_text())
    assert noted["epochs"] == 3
    assert noted["plan_digest"] == DIGEST


def test_the_same_run_may_go_on(tmp_path):
    _begin(tmp_path, epochs=3)
    before = (tmp_path / "config.json").read_bytes()
    _claim(tmp_path, epochs=3)
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"strategy": "default"},
        {"logical_cpus": 4},
        {"checkpoint_steps": 1},
        {"log_steps": 1},
        {"data_dir": "elsewhere"},
        {"run_dir": "elsewhere"},
    ],
)
def test_what_changes_no_number_may_change(tmp_path, fields):
    _begin(tmp_path, strategy="mirrored")
    _claim(tmp_path, **{"strategy": "mirrored", **fields})


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        ({"global_batch_size": 32}, "global_batch_size 64 -> 32"),
        ({"seed": 1}, "seed 0 -> 1"),
        ({"model": "vgg16"}, "model cnn -> vgg16"),
        ({"deterministic": False}, "deterministic True -> False"),
    ],
)
def test_what_changes_a_number_may_not_change(tmp_path, fields, change):
    _begin(tmp_path)
    with pytest.raises(exits.UsageError, match=f"holds a run with other flags: {change}. Choose"):
        _claim(tmp_path, **fields)


def test_a_precision_that_auto_no_longer_means_is_refused_with_the_reason(tmp_path):
    _begin(tmp_path, precision="float16")
    with pytest.raises(exits.UsageError) as error:
        _claim(tmp_path, precision="bfloat16")
    assert str(error.value) == (
        f"{tmp_path} holds a run with other flags: precision float16 -> bfloat16. --precision=auto "
        "goes by the GPU; it was float16 when this began. Choose another --run_dir for the new "
        "run, set the old one aside with --restart, or go on with it by "
        f"--flagfile={tmp_path / 'flags.txt'}"
    )


def test_a_complete_run_is_complete_whatever_its_precision_was(tmp_path):
    _begin(tmp_path, precision="float16")
    assert not run_directory.is_complete(tmp_path, configs.TrainConfig())
    (tmp_path / "summary.json").write_text("{}")
    assert run_directory.is_complete(tmp_path, configs.TrainConfig())
    with pytest.raises(exits.UsageError, match="precision float16 -> float32"):
        run_directory.is_complete(tmp_path, configs.TrainConfig(precision="float32"))


def test_another_build_of_the_dataset_is_refused(tmp_path):
    _begin(tmp_path, dataset="faces")
    with pytest.raises(exits.UsageError, match=r"another build of faces \(plan a+, now bb\)"):
        run_directory.claim(tmp_path, configs.TrainConfig(dataset="faces"), "bb", None)


def test_a_directory_with_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(exits.UsageError, match="not by a run: it holds thesis.tex. Choose"):
        _claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_directory_with_a_lock_is_no_stranger(tmp_path):
    (tmp_path / ".lock").touch()
    _claim(tmp_path)


def test_a_summary_is_there_or_not(tmp_path):
    assert run_directory.read_summary(tmp_path) is None
    run_directory.write_json(tmp_path / "summary.json", {"steps": 3})
    assert run_directory.read_summary(tmp_path) == {"steps": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_damaged_summary_is_named(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(exits.DataError, match="summary.json cannot be read: .* tests it again"):
        run_directory.read_summary(tmp_path)


def test_the_notes_are_those_of_the_last_process(tmp_path):
    _begin(tmp_path, strategy="mirrored")
    _claim(tmp_path, strategy="one_device")
    assert "--strategy=one_device\n" in (tmp_path / "flags.txt").read_text()
    assert json.loads((tmp_path / "config.json").read_text())["strategy"] == "one_device"


def test_other_weights_behind_the_same_path_are_refused(tmp_path):
    fields = {"model": "vgg16", "weights": "w.h5"}
    _begin(tmp_path, weights_sha256="aa", **fields)
    with pytest.raises(exits.UsageError, match="of --weights=w.h5 was aa and is now bb. Put"):
        _claim(tmp_path, weights_sha256="bb", **fields)


def test_a_run_goes_on_without_the_weights_that_it_began_from(tmp_path):
    _begin(tmp_path, weights_sha256="aa")
    _claim(tmp_path, weights_sha256=None)
    assert json.loads((tmp_path / "config.json").read_text())["weights_sha256"] == "aa"


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"epochs": 3}'])
def test_a_note_that_is_lost_or_damaged_is_named_and_nothing_starts_anew(tmp_path, content):
    _begin(tmp_path)
    if content is None:
        (tmp_path / "config.json").unlink()
    else:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(exits.DataError, match="config.json cannot be read: .* from a copy, or"):
        _claim(tmp_path)


def test_what_a_kill_leaves_of_a_claim_is_no_stranger(tmp_path):
    (tmp_path / ".config.json.tmp").write_text("{")
    _claim(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "flags.txt"]
