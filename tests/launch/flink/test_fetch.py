import hashlib
import zipfile

import pytest

from launch.flink import fetch
from tfrecords import exits


@pytest.fixture
def central(tmp_path, monkeypatch):
    """A Maven Central of two files in a directory, and a lock that names them."""
    root = tmp_path / "central"
    lines = []
    for name in ("a", "b"):
        path = root / name / f"{name}-1.0.jar"
        path.parent.mkdir(parents=True)
        path.write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {path.relative_to(root)}\n")
    lock = tmp_path / "jars.lock"
    lock.write_text("".join(lines), encoding="utf-8")
    monkeypatch.setattr(fetch, "CENTRAL", f"{root.as_uri()}/")
    monkeypatch.setattr(fetch, "LOCK", lock)
    return root


def test_only_what_is_missing_is_fetched(central, tmp_path, capsys):
    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "a-1.0.jar").write_bytes(b"a")
    fetch.fetch(jars)
    assert (jars / "b-1.0.jar").read_bytes() == b"b"
    assert capsys.readouterr().out == "1 of 2 jars are there.\nFetched 1 of 1.\n"
    fetch.fetch(jars)
    assert capsys.readouterr().out == "2 of 2 jars are there.\n"


def test_a_file_that_is_not_what_was_pinned_is_not_kept(central, tmp_path):
    (central / "b" / "b-1.0.jar").write_bytes(b"another")
    with pytest.raises(exits.MachineError, match=r"b-1\.0\.jar is not the file .* should be 3e23"):
        fetch.fetch(tmp_path / "jars")
    assert not list((tmp_path / "jars").glob("b*"))


def test_a_file_that_is_gone_is_named(central, tmp_path):
    (central / "a" / "a-1.0.jar").unlink()
    with pytest.raises(exits.MachineError, match=r"a-1\.0\.jar cannot be fetched"):
        fetch.fetch(tmp_path / "jars")


def test_the_job_server_is_started_from_the_jars_beside_it(central, tmp_path):
    fetch.write_job_server(tmp_path)
    with zipfile.ZipFile(tmp_path / fetch.JOB_SERVER) as jar:
        text = jar.read("META-INF/MANIFEST.MF").decode()
    assert max(len(line) for line in text.split("\r\n")) <= 72
    lines = text.replace("\r\n ", "").splitlines()
    assert "Class-Path: a-1.0.jar b-1.0.jar" in lines
    assert f"Main-Class: {fetch.JOB_SERVER_MAIN}" in lines
