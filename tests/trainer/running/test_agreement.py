"""Each strategy gives the numbers of one device, with whatever else a run can be told."""

import dataclasses
import functools
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests import tiny
from tests.trainer import combinations
from trainer import strategies
from trainer.networks import backbones

ROOT = pathlib.Path(__file__).parents[3]
TOLERANCE = {"float32": 1e-6, "bfloat16": 2e-2, "float16": 2e-3}


@pytest.fixture(scope="module", autouse=True)
def smallest_backbone(two_devices):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "smallest", combinations.BACKBONE)
        yield
    combinations.trainer.cache_clear()


@functools.cache
def _on_one_device(told, micro_batch, order):
    return combinations.numbers("default", told, micro_batch, order)


def _check(found, told, replicas):
    """Holds the numbers of some replicas against those of one device that keeps all activations."""
    plain = dataclasses.replace(told, remat=False)
    expected = _on_one_device(plain, *told.on_one_device(replicas))
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=TOLERANCE[told.reckons_in]), (told, name)


# Local statistics in central storage, where there is but one copy of them, are refused. The
# strategy `default` is itself what is compared with.
OFFERED = [
    pytest.param(name, told, id=f"{name}-{told}")
    for name in ("one_device", "mirrored", "central_storage")
    for told in (*combinations.IN_FLOAT32, *combinations.IN_HALF, *combinations.RECOMPUTED)
    if (name, told.batch_norm) != ("central_storage", "local")
]


@pytest.mark.parametrize(("name", "told"), OFFERED)
def test_the_numbers_are_those_of_one_device(name, told):
    replicas = strategies.make(name, logical_cpus=2).num_replicas_in_sync
    _check(combinations.numbers(name, told, told.micro_batch(replicas)), told, replicas)


def test_what_is_told_changes_the_numbers():
    def losses(batch_norm, clip_norm):
        told = combinations.Combination("float32", batch_norm, clip_norm, 0.0, False)
        found = _on_one_device(told, combinations.BATCH, combinations.IN_ORDER)["losses"]
        assert len(set(found.tolist())) == combinations.NUM_STEPS
        return found

    plain = losses("frozen", 0.0)
    for others in (("frozen", 0.05), ("sync", 0.0)):
        assert losses(*others)[-1] != pytest.approx(plain[-1], abs=1e-4)


def _check_overflow(found, glaring):
    expected = combinations.overflow("default", glaring)
    assert expected["overflowed"].tolist() == expected["skipped"].tolist()
    assert expected["overflowed"][:3].tolist() == [1, 1, 1]
    assert expected["overflowed"][-1] == 0
    assert expected["loss_scale"][:4].tolist() == [2.0**15, 2.0**14, 2.0**13, 2.0**12]
    for name in ("overflowed", "skipped", "loss_scale"):
        assert found[name].tolist() == expected[name].tolist(), name
    for name in (*combinations.trainer("default", "float16", "frozen").weights(), "loss"):
        assert np.isfinite(found[name]).all(), name
        assert found[name] == pytest.approx(expected[name], rel=2e-3, abs=2e-3), name


@pytest.mark.parametrize("glaring", [0, 7])  # an example of the first replica, or of the last
def test_an_overflow_on_either_replica_is_the_same_as_on_one_device(glaring):
    _check_overflow(combinations.overflow("mirrored", glaring), glaring)


def _check_features(expected, *of_workers):
    """Holds the cached features that each of some workers trains on against those of one."""
    parts = [found.pop("features") for found in of_workers]
    assert expected["features"].std() > 0
    for part in parts:
        assert part.pop("logits") == pytest.approx(expected["logits"], abs=1e-6)
    for name, values in parts[0].items():
        found = np.concatenate([values, *(part[name] for part in parts[1:])], axis=1)
        assert found.tolist() == expected[name].tolist(), name


@pytest.mark.slow
def test_the_numbers_of_two_worker_processes_are_those_of_one_device(tmp_path):
    tiny.write(tmp_path)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        told = json.dumps({"cluster": {"worker": addresses}, "task": task})
        processes.append(
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.trainer.combinations",
                    str(tmp_path / "found-{}.npz"),
                ],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": told},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        words = [process.communicate(timeout=500)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], words
    first, second = (combinations.read(tmp_path / f"found-{index}.npz") for index in range(2))
    _check_features(combinations.cached_features("default", tmp_path), first, second)
    for case, of_first in first.items():
        for name, values in of_first.items():
            assert np.array_equal(values, second[case][name], equal_nan=True), (case, name)
    for told in combinations.IN_WORKERS:
        _check(first[str(told)], told, 2)
    for glaring in (0, 7):
        _check_overflow(first[f"overflow {glaring}"], glaring)
    assert first["black"]["skipped"] == 1
    assert first["black"]["unchanged"].all()
    found = first["out of memory"]
    assert found.pop("sizes").tolist() == [2]
    _check(found, combinations.Combination("float32", "frozen", 0.0, 0.0, False), 2)
