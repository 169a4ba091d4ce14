import numpy as np
import pytest
import tensorflow as tf

from trainer import strategies
from trainer.running import saved_variables


@pytest.fixture
def variables():
    return {
        "model/0": tf.Variable([1.5, -2.0]),
        "model/1": tf.Variable(tf.constant([0.5], tf.bfloat16)),
        "steps": tf.Variable(7, dtype=tf.int64),
    }


def _values(variables):
    return [np.asarray(variable.numpy()).tolist() for variable in variables.values()]


def _change(variables):
    for variable in variables.values():
        variable.assign(tf.zeros(variable.shape, variable.dtype))


def test_what_is_written_comes_back(variables, tmp_path):
    saved_variables.write(tmp_path / "new" / "ckpt-1", variables)
    _change(variables)
    assert saved_variables.read(tmp_path / "new" / "ckpt-1", variables)
    assert _values(variables) == [[1.5, -2.0], [0.5], 7]
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["ckpt-1.data-00000-of-00001", "ckpt-1.index"]


def test_tensorflow_reads_it(variables, tmp_path):
    saved_variables.write(tmp_path / "ckpt-1", variables)
    reader = tf.train.load_checkpoint(str(tmp_path / "ckpt-1"))
    assert reader.get_variable_to_shape_map() == {"model/0": [2], "model/1": [1], "steps": []}
    assert reader.get_tensor("steps") == 7


@pytest.mark.parametrize("change", ["another name", "another shape", "another type", "damage"])
def test_where_one_cannot_be_read_none_is_changed(variables, tmp_path, change):
    saved_variables.write(tmp_path / "ckpt-1", variables)
    wanted = dict(variables)
    if change == "damage":
        data = tmp_path / "ckpt-1.data-00000-of-00001"
        data.write_bytes(data.read_bytes()[:-1] + b"\xff")
    else:
        name = "more" if change == "another name" else "steps"
        shape, dtype = {
            "another name": ([], tf.int64),
            "another shape": ([2], tf.int64),
            "another type": ([], tf.int32),
        }[change]
        wanted[name] = tf.Variable(tf.zeros(shape, dtype))
    _change(wanted)
    before = _values(wanted)
    assert not saved_variables.read(tmp_path / "ckpt-1", wanted)
    assert _values(wanted) == before


def test_what_a_kill_has_left_is_no_hindrance(variables, tmp_path):
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "ckpt-1.data-00000-of-00001").write_bytes(b"half")
    saved_variables.write(tmp_path / "ckpt-1", variables)
    assert saved_variables.read(tmp_path / "ckpt-1", variables)
    assert not (tmp_path / ".unfinished").exists()


def test_variables_of_two_replicas_come_back_on_one(tmp_path):
    strategy = strategies.make("mirrored", logical_cpus=2)
    with strategy.scope():
        mirrored = {"model/0": tf.Variable([3.0, 4.0])}
    saved_variables.write(tmp_path / "ckpt-1", mirrored)
    alone = {"model/0": tf.Variable([0.0, 0.0])}
    assert saved_variables.read(tmp_path / "ckpt-1", alone)
    assert _values(alone) == [[3.0, 4.0]]
    mirrored["model/0"].assign([0.0, 0.0])
    assert saved_variables.read(tmp_path / "ckpt-1", mirrored)
    copies = strategy.experimental_local_results(mirrored["model/0"])
    assert [copy.numpy().tolist() for copy in copies] == [[3.0, 4.0]] * 2
