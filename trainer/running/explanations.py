"""What TensorFlow says of a training that cannot go on, and what is to be done about it."""

import contextlib
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from tfrecords import dataset, exits
from trainer.capacity import out_of_memory
from trainer.running import pulse
from trainer.task import Task
from trainer.workers import agreement


@contextlib.contextmanager
def explained(task: Task, directory: pathlib.Path) -> Iterator[None]:
    """Turns what TensorFlow says of records, disks and memory into a remedy.

    Args:
      task: that is trained.
      directory: of the run.

    Raises:
      DataError, MachineError: in the place of TensorFlow's errors.
    """
    try:
        yield
    except tf.errors.DataLossError as error:
        raise exits.DataError(
            f"A record of {task.source.directory} is damaged: {error.message} "
            f"{dataset.mend(task.source.directory)}"
        ) from error
    except tf.errors.OpError as error:
        if "No space left on device" in str(error):
            raise exits.MachineError(
                f"The disk of {directory} is full. The last checkpoint is whole: make room and "
                "run the same command again."
            ) from error
        if out_of_memory.is_out_of_memory(error):
            raise exits.MachineError(
                "A device ran out of memory. Use a smaller --global_batch_size (received: "
                f"{task.config.global_batch_size}) or --image_size (received: "
                f"{task.image_size}), in another --run_dir."
            ) from error
        raise


@contextlib.contextmanager
def of_lost_workers(heart: pulse.Pulse) -> Iterator[None]:
    """Turns what TensorFlow says of other workers into a remedy.

    Args:
      heart: told where the supervisor is to start the training again.

    Raises:
      Interrupted: in the place of TensorFlow's errors.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not agreement.is_lost(error):
            raise
        heart.tell(pulse.AGAIN)
        raise exits.Interrupted(
            "Another worker was lost. Run the same command again on each of them: training goes on "
            "from the last checkpoint."
        ) from error
