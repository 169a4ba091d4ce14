import concurrent.futures
import dataclasses
import importlib.util
import pathlib

import pytest

from data_pipeline.isolation import calls
from data_pipeline.references import Listing, Video
from data_pipeline.sources.layouts import labels
from data_pipeline.sources.locations import File
from data_pipeline.video import extraction
from data_pipeline.video.face_search import Face, Options, Rejection, Sample, Track
from data_pipeline.video.faces import Box
from tfrecords import exits

OPTIONS = Options(
    frames_per_video=2, face_size=128, face_margin=1.3, max_faces=1, face_detector="dlib"
)
TRACK = Track(320, 240, 1.2, (Sample(0.3, 7, (Box(0, 0, 9, 9),)), Sample(0.9, 22, ())))

CRASHES = b"crashes"


@pytest.fixture
def searches(monkeypatch):
    """Replaces the search by one that finds a face in each file; returns what was searched."""
    done = []

    def find(location, original):
        done.append((pathlib.Path(location.path).name, original is not None))
        try:
            content = location.read()
        except FileNotFoundError:
            return Rejection("unreadable", "No such file or directory")
        if not content:
            return Rejection("no_face", "none")
        if content == CRASHES:
            return Rejection("crashed", "its decoder ended with SIGSEGV")
        return TRACK, [Face(7, 0, content + b" by its original" * bool(original))]

    def submit(program, function, location, options, original):
        answer = concurrent.futures.Future()
        answer.set_result(find(location, original))
        return answer

    monkeypatch.setattr(calls, "submit", submit)
    return done


def _video(path, content=b"x", original=None):
    path.write_bytes(content)
    status = path.stat()
    location = File(str(path), status.st_size, status.st_mtime_ns)
    group = original or path.name
    return Video(path.name, location, {"label": int(bool(original))}, group, "train", {}, original)


def _listing(*videos):
    return Listing(tuple(videos), (), {"label": labels.LABEL_TARGET})


def _extracted(tmp_path, listing, options=OPTIONS):
    known = extraction.Known(tmp_path / "cache", listing, options)
    for batch in known.missing():
        extraction.extract(batch)
    return known.faces()


def test_a_face_is_called_video_frame_face_and_keeps_what_is_known_of_its_video(tmp_path, searches):
    found = _extracted(tmp_path, _listing(_video(tmp_path / "f.mp4", b"crop", "r.mp4")))
    (face,) = found.listing.references
    assert face.image_id == "f.mp4#7#0"
    assert (face.targets, face.group_id, face.split) == ({"label": 1}, "r.mp4", "train")
    assert face.location.read() == b"crop"
    assert not isinstance(face, Video)
    assert found.listing.image_size == 128
    assert (found.num_videos, found.num_frames, found.num_empty_frames) == (1, 2, 1)


def test_an_original_is_searched_before_its_fakes(tmp_path, searches):
    videos = [
        _video(tmp_path / "a.mp4", original="z.mp4"),
        _video(tmp_path / "b.mp4", original="z.mp4"),
        _video(tmp_path / "z.mp4"),
    ]
    _extracted(tmp_path, _listing(*videos))
    assert searches == [("z.mp4", False), ("a.mp4", True), ("b.mp4", True)]


def test_what_was_searched_is_not_searched_again(tmp_path, searches):
    listing = _listing(_video(tmp_path / "a.mp4"), _video(tmp_path / "b.mp4", b""))
    first = _extracted(tmp_path, listing)
    assert len(searches) == 2
    assert _extracted(tmp_path, listing) == first
    assert len(searches) == 2
    assert [(reject.image_id, reject.reason) for reject in first.listing.rejects] == [
        ("b.mp4", "no_face")
    ]
    assert extraction.count(tmp_path / "cache") == 2


@pytest.mark.parametrize(
    "changes", [{"frames_per_video": 3}, {"face_margin": 1.5}, {"model_sha256": "0" * 64}]
)
def test_other_options_are_another_search(tmp_path, searches, changes):
    listing = _listing(_video(tmp_path / "a.mp4"))
    _extracted(tmp_path, listing)
    _extracted(tmp_path, listing, dataclasses.replace(OPTIONS, **changes))
    assert len(searches) == 2


def test_a_model_may_lie_elsewhere(tmp_path, searches):
    listing = _listing(_video(tmp_path / "a.mp4"))
    for path in ("here.onnx", "there.onnx"):
        options = dataclasses.replace(OPTIONS, face_detector=f"yunet:{path}", model_sha256="0" * 64)
        _extracted(tmp_path, listing, options)
    assert len(searches) == 1


def test_a_new_original_has_its_fakes_searched_again(tmp_path, searches):
    fake = _video(tmp_path / "a.mp4", original="z.mp4")
    _extracted(tmp_path, _listing(fake))
    assert searches == [("a.mp4", False)]
    _extracted(tmp_path, _listing(fake, _video(tmp_path / "z.mp4")))
    assert searches[1:] == [("z.mp4", False), ("a.mp4", True)]
    (face,) = _extracted(tmp_path, _listing(fake)).listing.references
    assert face.location.read() == b"x"
    assert len(searches) == 3


def test_a_video_that_could_not_be_read_is_tried_again_with_its_fakes(tmp_path, searches):
    listing = _listing(_video(tmp_path / "a.mp4", original="z.mp4"), _video(tmp_path / "z.mp4"))
    (tmp_path / "z.mp4").unlink()
    first = _extracted(tmp_path, listing).listing
    assert [(reject.image_id, reject.reason) for reject in first.rejects] == [
        ("z.mp4", "unreadable")
    ]
    (tmp_path / "z.mp4").write_bytes(b"x")
    assert len(_extracted(tmp_path, listing).listing.references) == 2
    assert searches[-2:] == [("z.mp4", False), ("a.mp4", True)]


def test_a_video_that_ended_its_process_is_tried_again(tmp_path, searches):
    listing = _listing(_video(tmp_path / "a.mp4", CRASHES), _video(tmp_path / "b.mp4"))
    (reject,) = _extracted(tmp_path, listing).listing.rejects
    assert (reject.image_id, reject.reason) == ("a.mp4", "crashed")
    _extracted(tmp_path, listing)
    assert [name for name, _ in searches] == ["a.mp4", "b.mp4", "a.mp4"]


def test_a_kill_in_the_middle_leaves_what_was_done(tmp_path, searches, monkeypatch):
    fakes = [_video(tmp_path / f"{name}.mp4", original="a.mp4") for name in "bc"]
    listing = _listing(_video(tmp_path / "a.mp4"), *fakes)
    whole = _extracted(tmp_path / "whole", listing)
    submit = calls.submit

    def killed(program, function, location, *others):
        if pathlib.Path(location.path).name == "b.mp4":
            raise KeyboardInterrupt
        return submit(program, function, location, *others)

    with monkeypatch.context() as patch:
        patch.setattr(calls, "submit", killed)
        with pytest.raises(KeyboardInterrupt):
            _extracted(tmp_path, listing)
    searches.clear()
    resumed = _extracted(tmp_path, listing)
    assert [name for name, _ in searches] == ["b.mp4", "c.mp4"]
    assert [face.image_id for face in resumed.listing.references] == [
        face.image_id for face in whole.listing.references
    ]


def test_batches_hold_some_videos_and_whole_groups(tmp_path, searches, monkeypatch):
    monkeypatch.setattr(extraction, "BATCH_VIDEOS", 2)
    originals = [_video(tmp_path / f"{name}.mp4") for name in "abc"]
    fakes = [_video(tmp_path / f"f{index}.mp4", original="a.mp4") for index in range(2)]
    known = extraction.Known(tmp_path / "cache", _listing(*originals, *fakes), OPTIONS)
    batches = [
        [pathlib.Path(task.location.path).name for task in batch.tasks] for batch in known.missing()
    ]
    assert batches == [["a.mp4", "f0.mp4", "f1.mp4"], ["b.mp4", "c.mp4"]]


def _checked(face_detector):
    return extraction.checked_options(
        frames_per_video=2, face_size=128, face_margin=1.3, max_faces=1, face_detector=face_detector
    )


@pytest.mark.parametrize(("package", "face_detector"), [("dlib", "dlib"), ("cv2", "yunet:x.onnx")])
def test_without_a_package_the_command_that_installs_it_is_named(
    monkeypatch, package, face_detector
):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find_spec(name)
    )
    with pytest.raises(exits.MachineError, match=rf"{package}.*pip install -e '\.\[faces\]'"):
        _checked(face_detector)


def test_a_model_that_is_none_is_refused(tmp_path):
    with pytest.raises(exits.UsageError, match=r"nowhere\.onnx: No such file"):
        _checked("yunet:nowhere.onnx")
    (tmp_path / "model.onnx").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(exits.UsageError, match=r"model\.onnx: it is no model of YuNet"):
        _checked(f"yunet:{tmp_path / 'model.onnx'}")


@pytest.mark.shared_data
def test_a_model_is_known_by_its_content(shared_data):
    path = shared_data / "weights" / "yunet_n_dynamic.onnx"
    options = _checked(f"yunet:{path}")
    assert options.face_detector == f"yunet:{path}"
    assert len(options.model_sha256) == 64
    assert _checked("dlib").model_sha256 == ""
