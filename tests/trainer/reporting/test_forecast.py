import pytest

from trainer.reporting import forecast

PHASE = {
    "parameters": 20_863_529,
    "trainable_parameters": 2049,
    "trains_on_features": False,
    "weights_bytes": 83_454_116,
    "gradients_bytes": 8196,
    "optimizer_bytes": 16_392,
    "activations_bytes_per_example": 14_875_000,
    "remat": False,
    "remat_saves": False,
    "per_replica_batch_size": 1024,
    "micro_batch": 512,
    "planned_bytes": 11_700_000_000,
    "fits": True,
    "largest_micro_batch": 610,
    "seconds_per_epoch_here": 305.0,
    "seconds_for_features_here": None,
}
FOUND = {
    "without_dataset": None,
    "model": "xception",
    "image_size": 224,
    "num_classes": 2,
    "precision": "float32",
    "global_batch_size": 1024,
    "replicas": 1,
    "device_memory_bytes": 16_000_000_000,
    "usable_bytes": 14_400_000_000,
    "steps_per_epoch": 97,
    "phases": {"head": PHASE},
}


def _lines(found=FOUND, **changes):
    return forecast.as_text({**found, "phases": {"head": {**PHASE, **changes}}}).splitlines()


def test_people_read_what_a_training_takes():
    assert _lines() == [
        "xception at 224 px, 2 classes, float32 | global batch 1,024 | 1 replica, 16.0 GB each | "
        "97 steps per epoch",
        "Phase head: 20,863,529 parameters, 2,049 trainable",
        "  weights 83.5 MB | gradients 8.2 kB | optimizer 16.4 kB | activations 14.9 MB an example",
        "  micro-batch 512 of 1,024 per replica: planned 11.7 GB of 14.4 GB usable",
        "  an epoch takes about 5 minutes on devices like this machine's: of a few steps, without "
        "input; right within a factor of two",
    ]


def test_a_plan_without_a_dataset_says_so_before_all_else():
    lines = _lines({**FOUND, "without_dataset": "There is no dataset 'typo' in data (there: a)."})
    assert lines[:3] == [
        "WITHOUT A DATASET. There is no dataset 'typo' in data (there: a).",
        "What follows is for images of 224 px in 2 classes; --image_size, --num_classes and "
        "--num_examples plan for others.",
        "",
    ]
    assert lines[3:] == _lines()


def test_what_nobody_knows_is_said():
    lines = _lines(
        {
            **FOUND,
            "device_memory_bytes": None,
            "usable_bytes": None,
            "steps_per_epoch": None,
            "replicas": 2,
        }
    )
    assert lines[0].endswith(
        "2 replicas, memory unknown | steps per epoch: build the dataset, or give --num_examples"
    )


@pytest.mark.parametrize(
    ("largest", "remedy"),
    [
        (610, "Use --micro_batch=auto, or at most 610."),
        (0, "Use a smaller --model or --image_size, train fewer layers by a later"),
    ],
)
def test_what_does_not_fit_is_said_with_its_remedy(largest, remedy):
    lines = _lines(fits=False, largest_micro_batch=largest)
    assert lines[4].startswith(f"  This does not fit. {remedy}")


@pytest.mark.parametrize(
    ("saves", "words"),
    [(True, "an example, most computed again"), (False, "an example: --remat saves none of them")],
)
def test_what_is_computed_again_is_said(saves, words):
    assert _lines(remat=True, remat_saves=saves)[2].endswith(words)


def test_what_would_save_memory_is_said_where_it_does_not_fit():
    not_fitting = {"fits": False, "largest_micro_batch": 0, "remat_saves": True}
    assert "Use --remat, a smaller --model or" in _lines(**not_fitting)[4]
    assert "Use a smaller --model or" in _lines(**not_fitting, remat=True)[4]


def test_features_that_are_computed_once_have_a_time_of_their_own():
    lines = _lines(trains_on_features=True, seconds_for_features_here=7300, planned_bytes=640e6)
    assert lines[1].startswith("Phase head on features that are computed once: 20,863,529 param")
    assert lines[3].endswith("planned 640.0 MB of 14.4 GB usable")
    assert lines[4] == "  the features take about 2.0 hours, once, on devices like this machine's"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "a second"), (90, "90 seconds"), (305, "5 minutes"), (9000, "2.5 hours")],
)
def test_an_epoch_takes_a_time_that_people_know(seconds, words):
    assert f"an epoch takes about {words} on" in _lines(seconds_per_epoch_here=seconds)[-1]
