"""Variables on disk: all of them or none.

The files are TensorFlow's tensor bundles, which `tf.train.load_checkpoint` reads. They are written
by its operation directly: `tf.train.Checkpoint` goes through all objects of a model at each save,
and that takes longer than an epoch on cached features.
"""

import pathlib
import shutil
from collections.abc import Mapping

import tensorflow as tf

INDEX = ".index"
DATA = ".data-00000-of-00001"
_UNFINISHED = ".unfinished"

Variables = Mapping[str, tf.Variable]  # distributed or not


def write(path: pathlib.Path, variables: Variables) -> None:
    """Writes the values of variables to `<path>.data-00000-of-00001` and `<path>.index`.

    A kill leaves what was there before, or the data without their index.

    Args:
      path: without the suffixes.
      variables: by the names that the values shall have.
    """
    unfinished = path.parent / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with tf.device("CPU:0"):
        tf.raw_ops.SaveV2(
            prefix=str(unfinished / path.name),
            tensor_names=list(variables),
            shape_and_slices=[""] * len(variables),
            tensors=[variable.numpy() for variable in variables.values()],
        )
    for suffix in (DATA, INDEX):
        (unfinished / f"{path.name}{suffix}").replace(path.with_name(path.name + suffix))
    unfinished.rmdir()


def read(path: pathlib.Path, variables: Variables) -> bool:
    """Gives variables the values that `write` has written; tells whether all could be read.

    Where one could not, none is changed.
    """
    try:
        with tf.device("CPU:0"):
            values = tf.raw_ops.RestoreV2(
                prefix=str(path),
                tensor_names=list(variables),
                shape_and_slices=[""] * len(variables),
                dtypes=[variable.dtype for variable in variables.values()],
            )
    except tf.errors.OpError:
        return False
    if any(v.shape != value.shape for v, value in zip(variables.values(), values, strict=True)):
        return False
    for variable, value in zip(variables.values(), values, strict=True):
        variable.assign(value)
    return True
