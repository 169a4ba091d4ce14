"""Builds and what their scans have left of the images."""

import pytest

from data_pipeline import pipeline, writing
from data_pipeline.images import decoder, image_policy
from data_pipeline.isolation import calls
from data_pipeline.running import stages
from tests.data_pipeline import contents


@pytest.fixture
def asked(monkeypatch):
    """The names of the functions that decoders were asked for."""
    found, original = [], calls.Crew.submit

    def submit(crew, request):
        if crew is calls._shared(decoder.PROGRAM):
            found.extend(name for name, _ in request)
        return original(crew, request)

    monkeypatch.setattr(calls.Crew, "submit", submit)
    return found


def _left(config):
    return [path.name for path in config.parent.iterdir() if path.name.startswith(".spool")]


def _stopped_before_writing(config, monkeypatch):
    run = stages.run

    def stop(name, *rest, **options):
        if name == "WriteShards":
            raise KeyboardInterrupt
        run(name, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(stages, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            pipeline.build_dataset(config)


@pytest.mark.parametrize("image_size", [8, 64])
def test_each_image_is_decoded_once(make_config, asked, image_size):
    config = make_config(image_size=image_size)
    pipeline.build_dataset(config)
    assert asked == ["look"] * 12
    assert not _left(config)


def test_what_a_stopped_build_has_left_is_taken_by_the_next(make_config, asked, monkeypatch):
    config = make_config(image_size=8)
    _stopped_before_writing(config, monkeypatch)
    assert _left(config) == [f".spool-{image_policy.POLICY_VERSION}-8"]
    pipeline.build_dataset(config)
    assert asked == ["look"] * 12
    assert not _left(config)


@pytest.mark.parametrize("remains", ["nothing", "no records", "damaged records"])
def test_what_is_lost_is_made_again_with_the_same_bytes(
    make_config, asked, monkeypatch, tmp_path, remains
):
    undisturbed = pipeline.build_dataset(make_config(image_size=8))
    config = make_config(image_size=8, data_dir=str(tmp_path / "other"))
    _stopped_before_writing(config, monkeypatch)
    for path in (config.parent / _left(config)[0]).iterdir():
        if remains == "nothing" or (remains == "no records" and path.suffix == ".records"):
            path.unlink()
        elif path.suffix == ".records":
            path.write_bytes(bytes(path.stat().st_size))
    asked.clear()
    built = pipeline.build_dataset(config)
    assert asked == ["store"] * 12
    assert contents.hashes(built.directory) == contents.hashes(undisturbed.directory)


def test_a_build_whose_files_are_known_makes_its_images_again(make_config, asked):
    pipeline.build_dataset(make_config(image_size=8))
    asked.clear()
    pipeline.build_dataset(make_config(image_size=8, version="2.0.0", seed=1))
    assert asked == ["store"] * 12


def test_images_that_are_encoded_alike_are_not_kept_before_it_is_known_how(make_config, asked):
    config = make_config(image_size=8, equalize=True)
    pipeline.build_dataset(config)
    assert sorted(asked) == ["look"] * 12 + ["store"] * 12


def test_where_the_disk_has_no_room_for_both_nothing_is_kept(make_config, asked, monkeypatch):
    room = iter([False, True])
    monkeypatch.setattr(writing.refusals, "has_room", lambda *_: next(room))
    config = make_config(image_size=8)
    pipeline.build_dataset(config)
    assert sorted(asked) == ["look"] * 12 + ["store"] * 12


def test_a_dry_run_keeps_nothing(make_config, tmp_path):
    pipeline.build_dataset(make_config(image_size=8, dry_run=True))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("num_workers", "seconds", "known", "dealt"),
    [
        (3, 0.1, False, (1, False)),  # twelve images are fetched in a second
        (5, 0.1, False, (2, False)),  # as many processes as feed five decoders
        (3, 1.0, False, (3, False)),
        (3, 1.0, True, (3, True)),  # they are known, and must be made again
    ],
)
def test_processes_fetch_what_decoders_have_made(
    make_config, monkeypatch, num_workers, seconds, known, dealt
):
    monkeypatch.setattr(writing, "FETCH_SECONDS", seconds)
    if known:
        pipeline.build_dataset(make_config(image_size=8))
    run, found = stages.run, []

    def note(name, transform, tasks, num_workers, **options):
        if name == "WriteShards":
            found.append((num_workers, transform.is_for_decoders))
        run(name, transform, tasks, 1, **options)

    monkeypatch.setattr(stages, "run", note)
    pipeline.build_dataset(
        make_config(image_size=8, version="2.0.0", seed=1, num_workers=num_workers)
    )
    assert found == [dealt]
