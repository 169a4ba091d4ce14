import pytest
import tensorflow as tf

from tfrecords import exits
from trainer.running import explanations, pulse


def _of_lost_workers(error):
    with explanations.of_lost_workers(pulse.Pulse()):
        raise error


def test_a_lost_worker_is_no_reason_for_anything_but_the_same_command():
    with pytest.raises(exits.Interrupted, match="Another worker was lost. Run the same command"):
        _of_lost_workers(tf.errors.UnavailableError(None, None, "Socket closed"))


def test_other_errors_are_left_to_others():
    with pytest.raises(tf.errors.InternalError, match="cuDNN"):
        _of_lost_workers(tf.errors.InternalError(None, None, "cuDNN"))
