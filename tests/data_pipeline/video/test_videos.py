import io
import pathlib

import av
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from PIL import Image

from data_pipeline.video import videos
from tests.data_pipeline import painted_videos

RED, BLUE = (200, 60, 30), (20, 20, 100)  # of different brightness too


def _counting(num_frames=30, width=64, height=48):
    """Frames on which blue grows over red from the left, by two columns a frame."""
    for number in range(num_frames):
        frame = np.full((height, width, 3), RED, np.uint8)
        frame[:, : 2 * number] = BLUE
        yield frame


def _counted(frame):
    """The number of the frame, as its pixels have it."""
    # By brightness: codecs halve the resolution of colour.
    return round((frame.pixels[24] @ (0.299, 0.587, 0.114) < 63).sum() / 2)


def _sampled(source, count):
    with videos.opened(source) as video:
        return list(video.frames(video.spread(count)))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "flv"])
def test_frames_lie_in_the_middles_of_equal_parts(tmp_path, suffix):
    codec = "mpeg4" if suffix == "avi" else "libx264"
    path = painted_videos.write(tmp_path / f"a.{suffix}", _counting(), codec=codec)
    frames = _sampled(path, 3)
    assert [frame.number for frame in frames] == [5, 15, 25]
    assert [_counted(frame) for frame in frames] == [5, 15, 25]
    assert [frame.time for frame in frames] == pytest.approx([0.2, 0.6, 1.0])


def test_bytes_give_the_frames_of_their_file(tmp_path):
    path = painted_videos.write(tmp_path / "a.mp4", _counting())
    for ours, theirs in zip(_sampled(path.read_bytes(), 4), _sampled(path, 4), strict=True):
        assert ours.number == theirs.number
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)


@pytest.mark.parametrize("key_frame_every", [1, 7, 250])
def test_a_frame_is_the_same_whatever_was_decoded_before_it(tmp_path, key_frame_every):
    path = painted_videos.write(tmp_path / "a.mp4", _counting(), key_frame_every=key_frame_every)
    every = {frame.number: frame.pixels for frame in _sampled(path, 30)}
    assert sorted(every) == list(range(30))
    for frame in _sampled(path, 3):
        np.testing.assert_array_equal(frame.pixels, every[frame.number])


def test_colours_are_those_that_were_filmed(tmp_path):
    (frame,) = _sampled(painted_videos.write(tmp_path / "a.mp4", _counting()), 1)
    np.testing.assert_allclose(frame.pixels[24, 60], RED, atol=3)
    np.testing.assert_allclose(frame.pixels[24, 4], BLUE, atol=3)


def test_frames_are_chosen_by_time_where_the_rate_varies(tmp_path):
    # Twenty frames in the first fifth of a second, the other ten in the four seconds after it.
    times = [10 * number for number in range(20)] + [200 + 400 * number for number in range(10)]
    path = painted_videos.write(tmp_path / "a.mp4", _counting(), times=times)
    with videos.opened(path) as video:
        assert video.duration == pytest.approx(3.8 * 30 / 29, abs=0.01)
    frames = _sampled(path, 4)
    assert [frame.number for frame in frames] == [21, 23, 26, 28]
    assert [_counted(frame) for frame in frames] == [21, 23, 26, 28]


def test_more_frames_than_there_are_give_each_once(tmp_path):
    path = painted_videos.write(tmp_path / "a.mp4", _counting(3))
    assert [frame.number for frame in _sampled(path, 10)] == [0, 1, 2]
    path = painted_videos.write(tmp_path / "b.mp4", _counting(1))
    assert [frame.number for frame in _sampled(path, 10)] == [0]


# The matrix of a phone that is held upright: x is shown to the bottom, y to the left. Fixed point,
# as in the header of a track.
UPRIGHT = (0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
UPSIDE_DOWN = (-(1 << 16), 0, 0, 0, -(1 << 16), 0, 64 << 16, 48 << 16, 1 << 30)


def test_the_picture_of_a_phone_is_turned_upright(tmp_path):
    path = painted_videos.write(tmp_path / "a.mp4", _counting(), matrix=UPRIGHT)
    (frame,) = _sampled(path, 1)
    assert frame.pixels.shape == (64, 48, 3)
    np.testing.assert_allclose(frame.pixels[4, 24], BLUE, atol=3)  # from the left to the top
    np.testing.assert_allclose(frame.pixels[60, 24], RED, atol=3)
    path = painted_videos.write(tmp_path / "b.mp4", _counting(), matrix=UPSIDE_DOWN)
    (frame,) = _sampled(path, 1)
    assert frame.pixels.shape == (48, 64, 3)
    np.testing.assert_allclose(frame.pixels[24, 60], BLUE, atol=3)


def _jpeg():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"<html>404</html>", "not_a_video"),
        (_jpeg(), "not_a_video"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "not_a_video"),
        (b"#EXTM3U\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n", "not_a_video"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, content, reason):
    painted_videos.write(tmp_path / "a.mp4", _counting())
    painted_videos.write(tmp_path / "a.ts", _counting())
    (tmp_path / "foreign.mp4").write_bytes(content)
    for source in (tmp_path / "foreign.mp4", content):
        with pytest.raises(videos.UnusableError) as caught, videos.opened(source):
            pass
        assert caught.value.reason == reason
        assert caught.value.detail


def test_a_file_that_was_cut_off_is_no_video(tmp_path):
    content = painted_videos.write(tmp_path / "a.mp4", _counting()).read_bytes()
    with pytest.raises(videos.UnusableError) as caught, videos.opened(content[: len(content) // 2]):
        pass
    assert caught.value.reason == "not_a_video"


def test_of_a_stream_that_was_cut_off_the_rest_is_used(tmp_path):
    content = painted_videos.write(tmp_path / "a.ts", _counting()).read_bytes()
    frames = _sampled(content[: 188 * (len(content) // 188 // 2)], 3)
    assert [frame.number for frame in frames] == [3, 8, 12]
    assert [_counted(frame) for frame in frames[:2]] == [3, 8]


def test_damaged_packets_are_passed_over(tmp_path):
    content = bytearray(painted_videos.write(tmp_path / "a.mp4", _counting()).read_bytes())
    start = content.index(b"mdat") + 900
    content[start : start + 200] = bytes(200)
    frames = _sampled(bytes(content), 5)
    assert 1 <= len(frames) <= 5
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers))


def test_pictures_packed_by_an_unknown_method_are_no_video(tmp_path):
    content = painted_videos.write(tmp_path / "a.mp4", _counting()).read_bytes()
    with (
        pytest.raises(videos.UnusableError, match="unknown method"),
        videos.opened(content.replace(b"avc1", b"zzzz")),
    ):
        pass


@pytest.fixture(scope="module")
def containers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("containers")
    return [
        painted_videos.write(folder / f"a.{suffix}", _counting(8)).read_bytes()
        for suffix in ("mp4", "mkv", "ts", "flv")
    ]


@hypothesis.given(data=strategies.data())
@hypothesis.settings(max_examples=100, deadline=None)
def test_whatever_the_damage_there_are_rising_frames_or_one_reason(containers, data):
    content = bytearray(data.draw(strategies.sampled_from(containers)))
    places = strategies.integers(0, len(content) - 1)
    for place, value in data.draw(
        strategies.lists(strategies.tuples(places, strategies.integers(0, 255)), max_size=30)
    ):
        content[place] = value
    del content[data.draw(strategies.sampled_from([len(content), len(content) * 2 // 3])) :]
    try:
        numbers = [frame.number for frame in _sampled(bytes(content), 4)]
    except videos.UnusableError as error:
        assert error.detail
    else:
        assert numbers == sorted(set(numbers))


def test_sound_without_pictures_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with (
        pytest.raises(videos.UnusableError, match="no pictures"),
        videos.opened(tmp_path / "a.mp4"),
    ):
        pass


def test_frames_that_are_too_large_are_refused(tmp_path, monkeypatch):
    path = painted_videos.write(tmp_path / "a.mp4", _counting())
    monkeypatch.setattr(videos, "MAX_PIXELS", 64 * 48 - 1)
    with (
        pytest.raises(videos.UnusableError, match="64 x 48 pixels, at most 3,071"),
        videos.opened(path),
    ):
        pass


def _one_after_the_other(path, *parts):
    """Writes a stream of several, of which the header knows the first alone."""
    with av.open(str(path), "w") as container:
        stream, start = None, 0
        for part in parts:
            with av.open(str(part)) as opened:
                stream = stream or container.add_stream_from_template(opened.streams.video[0])
                for packet in opened.demux(video=0):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + start, packet.dts + start
                        packet.stream = stream
                        container.mux(packet)
            start += 2 * 90_000  # ticks: two seconds
    return path


def test_frames_that_turn_out_too_large_are_passed_over(tmp_path, monkeypatch):
    small = painted_videos.write(tmp_path / "small.ts", _counting(20, 64, 48))
    large = painted_videos.write(tmp_path / "large.ts", _counting(20, 128, 96))
    path = _one_after_the_other(tmp_path / "both.ts", small, large)
    assert {frame.pixels.shape for frame in _sampled(path, 6)} == {(48, 64, 3), (96, 128, 3)}
    monkeypatch.setattr(videos, "MAX_PIXELS", 64 * 48)
    assert {frame.pixels.shape for frame in _sampled(path, 6)} == {(48, 64, 3)}


def test_too_many_frames_are_refused(tmp_path, monkeypatch):
    path = painted_videos.write(tmp_path / "a.mp4", _counting(9))
    monkeypatch.setattr(videos, "MAX_FRAMES", 8)
    with pytest.raises(videos.UnusableError, match="more than 8 frames"), videos.opened(path):
        pass


def test_a_file_that_is_not_there_is_an_error_of_the_system():
    with pytest.raises(FileNotFoundError), videos.opened(pathlib.Path("nowhere.mp4")):
        pass
