import pathlib

import pytest
import tensorflow as tf

from tfrecords import exits
from trainer import config as configs
from trainer.rate_range import curve, search
from trainer.rate_range.search import RangeConfig


@pytest.fixture(scope="module")
def rising(tmp_path_factory):
    return tmp_path_factory.mktemp("range") / "rates.png"


def test_a_training_whose_rate_rises_leaves_a_picture_and_no_run(
    make_config, tmp_path, rising, capsys
):
    config = make_config(strategy="default", clip_norm=0, optimizer="adam")
    test = RangeConfig(range_steps=40, lowest_rate=1e-4, highest_rate=10, picture=str(rising))
    found = search.find(config, test)
    printed = capsys.readouterr().out
    assert printed.startswith(
        "Phase train of cnn at 16 px: learning rates from 0.0001 to 10 in 40 steps of 8 images"
    )
    assert rising.read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "run").exists()
    assert found.rate is None or f"--learning_rate={found.rate}" in printed


def test_the_rate_of_each_step_is_that_of_the_test(make_config, tmp_path, monkeypatch):
    seen = []

    class Step:
        def __init__(self, rate):
            self._rate = rate

        def __call__(self, batch, seed):
            seen.append((float(self._rate), batch["label"].shape[0]))
            return {"loss": 0.5 if len(seen) < 9 else float("nan")}

    monkeypatch.setattr(search, "_step", lambda task, strategy, phase, rate: Step(rate))
    test = RangeConfig(
        range_steps=20, lowest_rate=1e-4, highest_rate=1, picture=str(tmp_path / "a.png")
    )
    found = search.find(make_config(strategy="default"), test)
    expected = curve.rates(1e-4, 1, 20)[:9]  # and no more after the divergence
    assert [rate for rate, _ in seen] == pytest.approx(expected, rel=1e-5)
    assert {size for _, size in seen} == {8}  # 6 steps an epoch: the next one follows
    assert found.diverges == pytest.approx(expected[-1])


def test_the_learning_rate_of_the_optimizer_is_that_of_the_variable(make_config, monkeypatch):
    updates = []

    def note(config, phase, classifier, optimizer, average):
        updates.append(optimizer)
        raise exits.Interrupted

    monkeypatch.setattr(search.phases, "update", note)
    config = make_config(strategy="default", optimizer="adamw", schedule="step", decay_epochs=1)
    task = search.Task(config, search.dataset.find(pathlib.Path(config.data_dir), "tiny"))
    rate = tf.Variable(0.25)
    with pytest.raises(exits.Interrupted):
        search._step(task, tf.distribute.get_strategy(), search.phases.plan(config)[0], rate)
    assert float(updates[0].learning_rate) == 0.25
    rate.assign(2.0)
    assert float(updates[0].learning_rate) == 2.0


def test_what_to_type_are_the_flags_given_and_the_rate():
    config = configs.TrainConfig(dataset="my faces", deterministic=False, learning_rate=1.0)
    assert search.command(config, "learning_rate", 3e-3) == (
        "python -m trainer.main '--dataset=my faces' --deterministic=false --learning_rate=0.003"
    )


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.005, " --fine_tune_epochs=2 --model=xception --fine_tune_learning_rate=0.005"),
        (None, "not fallen by more than noise: this test says nothing. Use more --range_steps"),
    ],
)
def test_the_words_say_what_to_do(rate, words):
    config = configs.TrainConfig(model="xception", epochs=0, fine_tune_epochs=2)
    phase = search.phases.plan(config)[0]
    found = curve.Suggestion(rate, 6e-3, 1e-2, None)
    assert words in search._in_words(found, config, phase, RangeConfig())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lowest_rate": 1.0, "highest_rate": 0.1}, "--lowest_rate must be below --highest_rate"),
        ({"range_steps": 3}, "--range_steps must lie between 20 and 100000"),
        ({"picture": "x.jpg"}, "--picture must be the name of a .png file. Received: 'x.jpg'"),
    ],
)
def test_a_test_that_cannot_be_is_refused(changes, message):
    with pytest.raises(exits.UsageError, match=message):
        RangeConfig(**changes)


def test_several_processes_are_refused():
    config = configs.TrainConfig(strategy="multi_worker_mirrored")
    with pytest.raises(exits.UsageError, match="in one process; .* Received: --strategy=multi_wo"):
        search.find(config, RangeConfig())
