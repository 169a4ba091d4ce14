import math
import pathlib

import keras
import pytest
import tensorflow as tf

from tests.trainer import team
from tests.trainer.team import ALONE
from tfrecords import exits
from trainer.networks import models
from trainer.running import checkpoints


class _State:
    """A small model with its optimizer and counters, told apart by the bias of the head."""

    def __init__(self, backbone: str, directory, workers=ALONE):
        self.classifier = models.build(models.ModelSpec(backbone, 16, 1))
        self.optimizer = keras.optimizers.Adam(0.1)
        self.optimizer.build(self.classifier.trainable_variables)
        self.counters = checkpoints.Counters()
        self.store = checkpoints.PhaseCheckpoints(
            directory, self.classifier, self.optimizer, self.counters, workers
        )

    def save(self, number: int) -> None:
        self.classifier.head.bias.assign([float(number)])
        self.optimizer.iterations.assign(number)
        self.counters.global_step.assign(number)
        self.store.save(number)

    @property
    def numbers(self) -> tuple[float, int, int]:
        return (
            float(self.classifier.head.bias.numpy()[0]),
            int(self.optimizer.iterations),
            int(self.counters.global_step),
        )


@pytest.fixture
def state(tiny_backbone, tmp_path):
    return lambda: _State(tiny_backbone, tmp_path / "phase")


def test_weights_optimizer_and_counters_come_back(state):
    state().save(4)
    fresh = state()
    assert fresh.numbers == (0, 0, 0)
    assert fresh.store.restore() is None
    assert fresh.numbers == (4, 4, 4)


def test_the_newest_three_are_kept(state, tmp_path):
    first = state()
    for number in (2, 4, 6, 8, 10):
        first.save(number)
    kept = sorted(path.name for path in (tmp_path / "phase").glob("*.index"))
    assert kept == ["ckpt-10.index", "ckpt-6.index", "ckpt-8.index"]
    fresh = state()
    fresh.store.restore()
    assert fresh.numbers == (10, 10, 10)
    listed = tf.train.get_checkpoint_state(str(tmp_path / "phase"))
    assert listed.model_checkpoint_path == str(tmp_path / "phase" / "ckpt-10")
    names = [pathlib.Path(path).name for path in listed.all_model_checkpoint_paths]
    assert names == ["ckpt-6", "ckpt-8", "ckpt-10"]


def _cut(path):
    path.write_bytes(path.read_bytes()[:100])


def _remove(path):
    path.unlink()


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_cut, _remove, _empty])
@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_a_damaged_newest_one_is_passed_over_and_named(state, tmp_path, damage, part):
    first = state()
    first.save(2)
    first.save(4)
    damage(tmp_path / "phase" / f"ckpt-4.{part}")
    fresh = state()
    said = fresh.store.restore()
    assert said == f"Damaged and passed over: {tmp_path / 'phase' / 'ckpt-4'}."
    assert fresh.numbers == (2, 2, 2)


def test_where_none_can_be_read_nothing_starts_anew(state, tmp_path):
    first = state()
    first.save(2)
    first.save(4)
    for path in (tmp_path / "phase").glob("*.index"):
        path.write_bytes(b"damaged")
    with pytest.raises(exits.DataError, match="No checkpoint in .*phase can be read: .*ckpt-4"):
        state().store.restore()


def _forget(directory):
    (directory / "checkpoint").unlink()


def _empty_list(directory):
    (directory / "checkpoint").write_bytes(b"")


@pytest.mark.parametrize("damage", [_forget, _empty_list])
def test_a_lost_list_of_checkpoints_loses_no_checkpoint(state, tmp_path, damage):
    first = state()
    for number in (2, 4, 6):
        first.save(number)
    damage(tmp_path / "phase")
    assert checkpoints.has_any(tmp_path / "phase")
    fresh = state()
    assert fresh.store.restore() is None
    assert fresh.numbers == (6, 6, 6)
    fresh.save(8)
    kept = sorted(path.name for path in (tmp_path / "phase").glob("*.index"))
    assert kept == ["ckpt-4.index", "ckpt-6.index", "ckpt-8.index"]


def test_a_phase_has_checkpoints_or_not(state, tmp_path):
    assert not checkpoints.has_any(tmp_path / "phase")
    state().save(1)
    assert checkpoints.has_any(tmp_path / "phase")
    (tmp_path / "phase" / "ckpt-1.index").unlink()
    assert checkpoints.has_any(tmp_path / "phase")


def test_a_first_save_that_a_kill_has_cut_is_none(state, tmp_path):
    state().save(0)
    (tmp_path / "phase" / "checkpoint").unlink()
    assert checkpoints.has_any(tmp_path / "phase")
    (tmp_path / "phase" / "ckpt-0.index").unlink()
    assert not checkpoints.has_any(tmp_path / "phase")
    state().save(0)
    assert checkpoints.has_any(tmp_path / "phase")


def test_the_best_weights_of_a_step_come_back(tiny_backbone, tmp_path):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    best = checkpoints.BestWeights(tmp_path / "best", classifier, ALONE)
    for step in (1, 2, 13):
        classifier.head.bias.assign([float(step)])
        best.save(step)
    assert len(list((tmp_path / "best").glob("*.index"))) == 2
    for step in (13, 2):
        classifier.head.bias.assign([9.0])
        checkpoints.BestWeights(tmp_path / "best", classifier, ALONE).restore(step)
        assert classifier.head.bias.numpy().tolist() == [step]


def test_of_several_workers_the_chief_saves_and_the_others_take_what_it_reads(
    tiny_backbone, tmp_path
):
    def keep(worker):
        state = _State(tiny_backbone, tmp_path / str(worker.index), worker)
        state.save(4 + worker.index)
        state.save(6 + worker.index)
        state.classifier.head.bias.assign([9.0])
        state.store.restore()
        return state.numbers

    assert team.together(2, keep) == [(6.0, 6, 6), (6.0, 6, 6)]
    assert not list((tmp_path / "1").glob("*.index"))


def test_lost_best_weights_are_named(tiny_backbone, tmp_path):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    best = checkpoints.BestWeights(tmp_path / "best", classifier, ALONE)
    best.save(3)
    _cut(tmp_path / "best" / "ckpt-3.index")
    with pytest.raises(exits.DataError, match="The best weights .*ckpt-3 are lost or damaged"):
        best.restore(3)


def test_the_highest_memory_of_all_processes_counts():
    counters = checkpoints.Counters()
    assert counters.note_memory(300.0) == 300
    assert counters.note_memory(200.0) == 300


def test_the_means_of_an_epoch_weigh_windows_by_their_steps():
    counters = checkpoints.Counters()
    counters.note({"loss": 1.0, "accuracy": 0.5, "skipped": 0.0}, num_steps=3, seconds=2.0)
    counters.note({"loss": 5.0, "accuracy": 0.9, "skipped": 0.0}, num_steps=1, seconds=0.5)
    counters.step.assign(4)
    assert counters.epoch_means() == pytest.approx({"loss": 2.0, "accuracy": 0.6})
    assert float(counters.seconds) == 2.5


def test_skipped_steps_count_in_no_mean():
    counters = checkpoints.Counters()
    counters.note({"loss": 3.0, "accuracy": 0.5, "skipped": 2.0}, num_steps=4, seconds=1.0)
    counters.note({"loss": math.nan, "accuracy": math.nan, "skipped": 1.0}, 1, seconds=1.0)
    counters.step.assign(5)
    assert int(counters.skipped) == 3
    assert counters.epoch_means() == pytest.approx({"loss": 3.0, "accuracy": 0.5})


def test_an_epoch_of_skipped_steps_has_no_mean():
    counters = checkpoints.Counters()
    counters.note({"loss": math.nan, "accuracy": math.nan, "skipped": 2.0}, 2, seconds=1.0)
    counters.step.assign(2)
    assert all(math.isnan(value) for value in counters.epoch_means().values())


def test_an_epoch_starts_from_nothing_and_a_phase_keeps_what_is_of_the_run():
    counters = checkpoints.Counters()
    assert counters.best_rank.numpy().tolist() == [math.inf, math.inf]
    for name in ("global_step", "epoch", "step", "best_step", "stale_epochs", "skipped"):
        getattr(counters, name).assign(7)
    for name in ("loss_sum", "accuracy_sum", "seconds"):
        getattr(counters, name).assign(7.0)
    counters.best_rank.assign([7.0, 7.0])
    counters.start_epoch()
    of_the_epoch = ("step", "skipped", "loss_sum", "accuracy_sum")
    assert [float(getattr(counters, name)) for name in of_the_epoch] == [0, 0, 0, 0]
    assert (int(counters.epoch), int(counters.stale_epochs)) == (7, 7)
    counters.start_phase()
    assert (int(counters.epoch), int(counters.stale_epochs)) == (0, 0)
    of_the_run = ("global_step", "best_step", "seconds")
    assert [float(getattr(counters, name)) for name in of_the_run] == [7, 7, 7]
    assert counters.best_rank.numpy().tolist() == [7, 7]


@pytest.mark.parametrize(
    ("rank", "better"),
    [((-0.9, 0.5), True), ((-0.8, 0.4), True), ((-0.8, 0.5), False), ((-0.7, 0.1), False)],
)
def test_the_monitored_value_decides_and_between_equals_the_loss(rank, better):
    counters = checkpoints.Counters()
    counters.best_rank.assign([-0.8, 0.5])
    assert counters.improves(rank) is better
