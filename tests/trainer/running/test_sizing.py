import types

import pytest

from trainer import config as configs
from trainer.capacity import estimates, planning, remembered
from trainer.running import phases, sizing


@pytest.fixture
def make_sizing(monkeypatch, tmp_path):
    """Makes a sizing of 64 examples on one replica, of which any number fits."""
    monkeypatch.setattr(remembered, "default_path", lambda: tmp_path / "sizes.json")
    monkeypatch.setattr(
        planning, "estimate", lambda *_, **__: estimates.Estimate(1, 1, activations_per_example=1)
    )

    def make(
        *,
        saved=0,
        with_remat=(False, False),
        killed_with=None,
        smallest=lambda size: size,
        run_dir="run",
        **changes,
    ):
        saved_with, now_with = with_remat
        config = configs.TrainConfig(
            global_batch_size=64, device_memory_gb=16, run_dir=str(tmp_path / run_dir), **changes
        )
        run = types.SimpleNamespace(
            task=types.SimpleNamespace(config=config, image_size=16),
            strategy=types.SimpleNamespace(num_replicas_in_sync=1),
            classifier=types.SimpleNamespace(parts="some" if now_with else None),
            trains_on_features=False,
            counters=types.SimpleNamespace(micro_batch=saved, recomputes=int(saved_with)),
            pulse=types.SimpleNamespace(micro_batch=killed_with),
            workers=types.SimpleNamespace(smallest=smallest),
        )
        return sizing.Sizing(run, phases.plan(config)[0])

    return make


@pytest.mark.parametrize(
    ("options", "size", "reason"),
    [
        ({}, 64, "planned 0.0 of 16.0 GB"),
        ({"saved": 32}, 32, "as it was found before"),
        ({"saved": 4, "with_remat": (False, True)}, 64, "planned 0.0 of 16.0 GB"),
        ({"saved": 32, "with_remat": (True, True)}, 32, "as it was found before"),
        ({"saved": 32, "with_remat": (True, False)}, 64, "planned 0.0 of 16.0 GB"),
        ({"killed_with": 8}, 8, "the process was killed with more"),
        ({"killed_with": 9}, 8, "the process was killed with more"),
        ({"killed_with": 8, "saved": 4}, 4, "as it was found before"),
        ({"smallest": lambda size: 16}, 16, "another worker has no memory for more"),
    ],
)
def test_the_least_that_anybody_knows_of_is_chosen(make_sizing, options, size, reason):
    choice = make_sizing(**options).choose()
    assert choice.size == size
    assert choice.reason.endswith(reason)


def test_a_size_that_is_kept_is_for_other_runs_like_it(make_sizing):
    make_sizing().keep(16)
    assert make_sizing(run_dir="other").choose().size == 16
    assert make_sizing(run_dir="other", model="cnn_3_blocks").choose().size == 64


def test_a_run_that_goes_on_with_remat_takes_what_others_found_with_it(make_sizing):
    recomputing = {"with_remat": (False, True), "remat": True, "model": "vgg16"}
    recomputing |= {"epochs": 0, "fine_tune_epochs": 1}
    make_sizing(run_dir="other", **recomputing).keep(32)
    assert make_sizing(saved=4, **recomputing).choose().size == 32


def test_a_size_that_is_left_is_for_the_next_process_of_this_run(make_sizing):
    make_sizing().leave(16)
    assert make_sizing().choose() == planning.Choice(16, "memory ran out with more")
    assert make_sizing(run_dir="other").choose().size == 64
