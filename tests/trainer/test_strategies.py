import pytest
import tensorflow as tf

from tfrecords import exits
from trainer import strategies


@pytest.mark.parametrize(
    ("global_batch_size", "remedy"), [(7, "Use 6 or 8"), (33, "Use 32 or 34"), (1, "Use 2")]
)
def test_a_batch_that_the_replicas_do_not_divide_names_the_nearest_that_they_do(
    two_devices, global_batch_size, remedy
):
    with pytest.raises(exits.UsageError) as error:
        strategies.per_replica_batch_size(two_devices, global_batch_size)
    assert str(error.value) == (
        "--global_batch_size must be a multiple of the 2 replicas. "
        f"Received: {global_batch_size}. {remedy}."
    )


def test_the_replicas_of_workers_are_counted_without_waiting_for_them(monkeypatch):
    cluster = '{"worker": ["a:1", "b:1", "c:1"]}'
    task = '{"type": "worker", "index": 1}'
    monkeypatch.setenv("TF_CONFIG", f'{{"cluster": {cluster}, "task": {task}}}')
    assert strategies.num_replicas("multi_worker_mirrored") == 3
    assert strategies.num_replicas("mirrored", logical_cpus=2) == 2


def test_a_batch_is_shared_out_evenly(two_devices):
    assert strategies.per_replica_batch_size(two_devices, 8) == 4
    assert strategies.per_replica_batch_size(strategies.make("default"), 7) == 7


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("default", "1 replica on the CPU (no GPU was found)"),
        ("one_device", "1 replica on the CPU (no GPU was found)"),
        ("mirrored", "2 replicas on logical CPU devices (no GPU was found)"),
    ],
)
def test_the_devices_are_described(name, words):
    assert strategies.describe(strategies.make(name, logical_cpus=2)) == words


def test_one_process_makes_one_mirrored_strategy(two_devices):
    assert strategies.make("mirrored", logical_cpus=2) is two_devices


def test_central_storage_keeps_its_variables_on_the_host_and_is_made_once():
    strategy = strategies.make("central_storage", logical_cpus=2)
    assert strategies.make("central_storage", logical_cpus=2) is strategy
    assert strategies.describe(strategy) == "2 replicas on logical CPU devices (no GPU was found)"
    assert strategies.have_one_copy(strategy)


def test_replicas_that_share_a_variable_assign_the_first_ones_value():
    strategy = strategies.make("central_storage", logical_cpus=2)
    with strategy.scope():
        variable = tf.Variable(0, trainable=False)

    def assign():
        context = tf.distribute.get_replica_context()
        variable.assign(context.replica_id_in_sync_group + 5)

    strategy.run(assign)
    assert int(variable) == 5


@pytest.mark.parametrize("name", ["mirrored", "central_storage"])
def test_one_of_the_devices_is_taken(name):
    strategy = strategies.make(name, logical_cpus=2, devices=(1,))
    assert strategy.num_replicas_in_sync == 1
    assert [device[-5:] for device in strategy.extended.worker_devices] == ["CPU:1"]


@pytest.mark.parametrize(("name", "there"), [("mirrored", "CPU:0, CPU:1")])
def test_a_device_that_is_not_there_is_refused(name, there):
    with pytest.raises(exits.UsageError) as error:
        strategies.make(name, logical_cpus=2, devices=(0, 2))
    assert str(error.value) == (
        f"--devices must be indices of those that are there: {there}. Received: 0,2."
    )


def test_one_device_is_not_two():
    with pytest.raises(exits.UsageError, match="takes one of --devices. Received: 0,1. Use one"):
        strategies.make("one_device", devices=(0, 1))


def test_mirrored_runs_on_each_device(two_devices):
    sizes = two_devices.run(lambda: tf.distribute.get_replica_context().replica_id_in_sync_group)
    local = two_devices.experimental_local_results(sizes)
    assert [int(value) for value in local] == [0, 1]


def test_another_number_of_devices_after_the_start_is_refused(two_devices):
    tf.zeros([])
    with pytest.raises(exits.UsageError, match="so that --logical_cpus=3 comes too late"):
        strategies.make("mirrored", logical_cpus=3)
