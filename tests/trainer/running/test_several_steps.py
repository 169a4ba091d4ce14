import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import strategies
from trainer.networks import models
from trainer.running import losses, several_steps, steps, updates


@pytest.mark.parametrize(
    ("at_most", "log_steps", "checkpoint_steps", "expected"),
    [(16, 10, 500, 10), (16, 2, 4, 2), (16, 7, 500, 1), (4, 10, 500, 2), (16, 100, 500, 10)],
)
def test_calls_end_where_something_is_to_be_done(at_most, log_steps, checkpoint_steps, expected):
    assert several_steps.size(at_most, log_steps, checkpoint_steps) == expected


@pytest.mark.parametrize(
    ("start", "end", "count", "expected"),
    [
        (0, 30, 10, [(0, 30, 10)]),
        (0, 34, 10, [(0, 30, 10), (30, 34, 1)]),
        (3, 34, 10, [(3, 10, 1), (10, 30, 10), (30, 34, 1)]),
        (31, 34, 10, [(31, 34, 1)]),
        (3, 8, 10, [(3, 8, 1)]),
        (8, 12, 10, [(8, 10, 1), (10, 12, 1)]),
        (34, 34, 10, []),
        (5, 9, 1, [(5, 9, 1)]),
    ],
)
def test_the_parts_of_an_epoch(start, end, count, expected):
    assert several_steps.parts(start, end, count) == expected


def _batches():
    """Six batches of eight examples."""
    random = np.random.default_rng(0)
    columns = {
        "image": random.integers(0, 256, (48, 16, 16, 3), dtype=np.uint8),
        "label": random.integers(0, 2, 48),
        "position": np.arange(48),
        "weight": np.ones(48, np.float32),
        "noise": random.random((48, 1)).astype(np.float32),
    }
    return tf.data.Dataset.from_tensor_slices(columns).batch(8, drop_remainder=True)


class _Training:
    """A network with batch norm and dropout, whose memory runs out in some calls."""

    def __init__(self, name, out_of_memory_at=()):
        self.strategy = strategies.make(name, logical_cpus=2)
        with self.strategy.scope():
            keras.utils.set_random_seed(0)
            spec = models.ModelSpec("tiny", 16, 1, dropout=0.3, head_units=(4,))
            self.classifier = models.build(spec, "none")
            self.classifier.unfreeze_from("0", train_batch_norm=True)
            optimizer = keras.optimizers.Adam(0.01, global_clipnorm=1.0)
            optimizer.build(self.classifier.trainable_variables)
        left = list(out_of_memory_at)
        position = [0]

        def strike(size, replica):
            if replica == 0:
                position[0] += 1
                if left and position[0] == left[0]:
                    left.pop(0)
                    raise MemoryError("none left")
            return np.float32(1)

        def fault(size):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return tf.ensure_shape(tf.numpy_function(strike, [size, replica], tf.float32), [])

        self.step = steps.TrainStep(
            self.strategy,
            self.classifier,
            updates.Update(optimizer, self.classifier.trainable_variables),
            augment=lambda images, noise: images,
            loss=losses.Loss(positive=1),
            global_batch_size=8,
            fault=fault if left else None,
        )

    def singly(self):
        batches = self.strategy.experimental_distribute_dataset(_batches())
        return [
            {name: np.float32(value) for name, value in self.step(batch, _seed(index)).items()}
            for index, batch in enumerate(batches)
        ]

    def in_calls_of(self, count):
        several = several_steps.SeveralSteps(self.strategy, self.step, count)
        found = []
        for chunk in several_steps.chunks(self.strategy, _batches(), count):
            first = len(found)
            found.append(several(chunk, [[0, first * count + index] for index in range(count)]))
            taken = len(found[-1])
            for index in range(taken, count):
                metrics = self.step(several.batch(chunk, index), _seed(first * count + index))
                found[-1].append({name: np.float32(value) for name, value in metrics.items()})
            self.taken = [*getattr(self, "taken", []), taken]
        return [metrics for call in found for metrics in call]

    def weights(self):
        return [variable.numpy() for variable in self.classifier.variables]


def _seed(index):
    return tf.constant([0, index], tf.int64)


@pytest.fixture(scope="module")
def singly():
    """By strategy the scalars and the weights of single steps."""
    return {}


@pytest.mark.parametrize(
    ("name", "out_of_memory_at", "taken"),
    [("default", (2,), [1, 3]), ("mirrored", (), [3, 3]), ("mirrored", (2,), [1, 3])],
)
def test_several_steps_in_a_call_are_single_steps_to_the_bit(
    singly, tiny_backbone, name, out_of_memory_at, taken
):
    if name not in singly:
        alone = _Training(name)
        singly[name] = alone.singly(), alone.weights()
    training = _Training(name, out_of_memory_at)
    scalars = training.in_calls_of(3)
    assert training.taken == taken
    assert scalars == singly[name][0]
    for found, expected in zip(training.weights(), singly[name][1], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_every_replica_has_its_part_of_each_batch():
    strategy = strategies.make("mirrored", logical_cpus=2)
    chunk = next(iter(several_steps.chunks(strategy, _batches(), 3)))
    parts = strategy.experimental_local_results(chunk["position"])
    assert [part.numpy().tolist() for part in parts] == [
        [[0, 1, 2, 3], [8, 9, 10, 11], [16, 17, 18, 19]],
        [[4, 5, 6, 7], [12, 13, 14, 15], [20, 21, 22, 23]],
    ]


def test_replicas_are_given_what_is_of_no_width_too():
    strategy = strategies.make("mirrored", logical_cpus=2)
    batches = _batches().map(lambda batch: {**batch, "noise": batch["noise"][:, :0]})
    chunk = next(iter(several_steps.chunks(strategy, batches, 3)))
    parts = strategy.experimental_local_results(chunk["noise"])
    assert [part.shape for part in parts] == [(3, 4, 0), (3, 4, 0)]


def test_it_is_for_replicas_of_this_process():
    for name in ("default", "one_device", "mirrored"):
        assert several_steps.can_run_on(strategies.make(name, logical_cpus=2))
