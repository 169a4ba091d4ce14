"""What to do where the devices wait for their images: the words, and the one remedy that is free.

The share of the time that is spent waiting is watched over a phase. Above a fifth the log says once
what to change; where the decoded images fit into memory, they are kept there from the next epoch
on, which changes no number.
"""

import os

from trainer import decoded, input_pipeline
from trainer.augment import policies
from trainer.task import Task

MOST = 0.2  # of the time
WATCHED_SECONDS = 30.0  # before anything is said
_LARGER = 1.25  # the side that is stored, as a multiple of what the model takes


class InputWait:
    """Watches how long a phase waits for its images.

    Args:
      task: of the run.
      reads_images: whether the phase does; one on cached features has nothing to be told.
      part: of each batch that this worker reads. Each of several goes by its own input and memory.
    """

    def __init__(
        self, task: Task, *, reads_images: bool, part: tuple[int, int] = input_pipeline.WHOLE
    ):
        self._task = task
        self._part = part
        self._is_done = not reads_images
        self._keeps_images = False
        self._waited = 0.0
        self._seconds = 0.0
        self.decoded: decoded.DecodedImages | None = None

    def note(self, share: float, seconds: float, epochs_left: int) -> str | None:
        """Takes what a window of the log has measured; returns what is to be said, once."""
        if self._is_done:
            return None
        self._waited += share * seconds
        self._seconds += seconds
        if self._seconds < WATCHED_SECONDS or self._waited <= MOST * self._seconds:
            return None
        self._is_done = True
        size = f"{decoded.num_bytes(self._task) / 1e9:.1f} GB"
        share_text = f"{self._waited / self._seconds:.0%} of the time is spent waiting for input"
        if self._task.config.decoded_cache and epochs_left > 1 and decoded.fits(self._task):
            self._keeps_images = True
            return (
                f"{share_text}: from the next epoch on the decoded images, {size}, are kept in "
                "memory (--nodecoded_cache does without)."
            )
        return f"{share_text}. {remedy(self._task, os.cpu_count() or 1)}"

    def start_epoch(self) -> decoded.DecodedImages | None:
        """Returns the images in memory, where the epoch is to take them from there."""
        if self._keeps_images and self.decoded is None:
            self.decoded = decoded.DecodedImages(self._task, self._part)
        return self.decoded


def remedy(task: Task, num_cpus: int) -> str:
    """Returns what to change where decoded images may not be kept: the first that helps."""
    config, stored = task.config, task.source.manifest.image_size
    if policies.POLICIES[config.augment].while_decoding:
        return (
            f"--augment={config.augment} works on the CPU, too: --augment=reference or flip_crop "
            "leave it to the device."
        )
    if stored > _LARGER * task.image_size:
        return (
            f"Images of {stored} px are made smaller to {task.image_size} px in each epoch: build "
            f"the dataset with --image_size={task.image_size}."
        )
    needed = decoded.num_bytes(task) / decoded.SHARE / 1e9
    return (
        f"More than the {num_cpus} CPU cores of this machine would help, a smaller --image_size "
        f"(received: {task.image_size}), or {needed:.0f} GB of free memory, a quarter of which "
        "then holds the decoded images."
    )
