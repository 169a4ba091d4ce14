import errno
import pathlib
import sys
import types

import pytest

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.sources import kaggle
from tests.data_pipeline import painted
from tfrecords import exits

SECRET = "0123456789abcdef"  # noqa: S105
FACES = kaggle.Remote("xhlulu/140k-real-and-fake-faces", version=2)
CHALLENGE = kaggle.Remote("deepfake-detection-challenge")
ARCHIVE = pathlib.Path("data/downloads/140k-real-and-fake-faces.zip")


def _install(monkeypatch, download):
    """Stands in for the package; `download` gets the name of the call and the handle."""
    fake = types.ModuleType("kagglehub")
    for name in ("dataset_download", "competition_download"):
        setattr(fake, name, lambda handle, name=name: download(name, handle))
    monkeypatch.setitem(sys.modules, "kagglehub", fake)


def _fail(error):
    def download(name, handle):
        raise error

    return download


class HTTPError(OSError):
    def __init__(self, status):
        super().__init__(f"refused https://user:{SECRET}@api.kaggle.com")
        self.response = types.SimpleNamespace(status_code=status)


class UnauthenticatedError(Exception):
    pass


def test_data_sets_are_fetched_in_their_version_and_competitions_by_name(monkeypatch, capsys):
    calls = []
    _install(monkeypatch, lambda *call: calls.append(call) or "/cache/here")
    assert kaggle.fetch(FACES, ARCHIVE, "COMMAND") == pathlib.Path("/cache/here")
    assert kaggle.fetch(CHALLENGE, ARCHIVE, "COMMAND") == pathlib.Path("/cache/here")
    assert calls == [
        ("dataset_download", "xhlulu/140k-real-and-fake-faces/versions/2"),
        ("competition_download", "deepfake-detection-challenge"),
    ]
    assert capsys.readouterr().out.splitlines()[0] == (
        "Fetching https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces/versions/2. "
        "What is there already is not fetched again."
    )


def test_without_the_package_there_is_its_install_line_and_a_way_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(exits.MachineError) as error:
        kaggle.fetch(FACES, ARCHIVE, "COMMAND")
    assert str(error.value).splitlines() == [
        "--source=kaggle fetches "
        "https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces/versions/2, and needs the "
        "package kagglehub for it (kagglehub is not installed). Install it: "
        "pip install -e '.[kaggle]'",
        "Or download it with a browser, put the archive to "
        "data/downloads/140k-real-and-fake-faces.zip, and type:",
        "COMMAND",
    ]


@pytest.mark.parametrize(
    ("error", "remote", "words"),
    [
        (
            ConnectionError(f"token={SECRET}"),
            FACES,
            "fetched: ConnectionError. Is there a network?",
        ),
        (HTTPError(404), FACES, "HTTPError, HTTP status 404. Is there a network?"),
        (HTTPError(403), FACES, "HTTP status 403. Kaggle knows you by KAGGLE_API_TOKEN"),
        (UnauthenticatedError(SECRET), CHALLENGE, "Accept the rules at .*-challenge/rules"),
        (OSError(errno.ENOSPC, SECRET), FACES, "the disk is full. Make room, or let KAGGLEHUB_CA"),
    ],
)
def test_a_failure_says_what_to_do_and_shows_nothing_of_what_was_sent(
    monkeypatch, capsys, error, remote, words
):
    _install(monkeypatch, _fail(error))
    with pytest.raises(exits.MachineError, match=words) as raised:
        kaggle.fetch(remote, ARCHIVE, "COMMAND")
    assert "The same command goes on where the download stopped.\nOr download" in str(raised.value)
    assert str(raised.value).endswith("type:\nCOMMAND")
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert SECRET not in str(raised.value) + "".join(capsys.readouterr())


def test_a_build_reads_what_was_fetched_and_keeps_no_credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    for index, split in enumerate(("train", "test")):
        painted.folder(tmp_path / "versions" / "3" / split, count=4, classes=("REAL", "FAKE"))
        for path in (tmp_path / "versions" / "3" / split).rglob("*.jpg"):
            path.write_bytes(painted.jpeg(100 * index + int(path.stem)))
    _install(monkeypatch, lambda name, handle: str(tmp_path / "versions" / "3"))
    built = pipeline.build_dataset(
        BuildConfig(
            dataset="cifake", source="kaggle", splits="source", data_dir=str(tmp_path / "data")
        )
    )
    assert built.manifest.num_examples == 8
    assert built.manifest.options["source"] == "kaggle"
    assert built.manifest.command == (
        "python -m data_pipeline.build --dataset=cifake --source=kaggle "
        f"--data_dir={tmp_path / 'data'} --splits=source"
    )
    for path in (tmp_path / "data").rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_the_command_to_type_after_a_download_by_hand_is_whole(monkeypatch, tmp_path):
    _install(monkeypatch, _fail(ConnectionError()))
    config = BuildConfig(dataset="mine", layout="cifake", source="kaggle", seed=3, data_dir="d")
    with pytest.raises(exits.MachineError) as error:
        pipeline.build_dataset(config)
    name = "cifake-real-and-ai-generated-synthetic-images.zip"
    assert str(error.value).endswith(
        f"with a browser, put the archive to d/downloads/{name}, and type:\n"
        f"python -m data_pipeline.build --dataset=mine --layout=cifake "
        f"--source=d/downloads/{name} --data_dir=d --seed=3"
    )
