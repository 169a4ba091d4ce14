import hashlib
import zipfile

import pytest

from launch import jars
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
    monkeypatch.setattr(jars, "CENTRAL", f"{root.as_uri()}/")
    return root, jars.Engine(lock, tmp_path / "jars", "org.Main")


def test_only_what_is_missing_is_fetched(central, capsys):
    _, engine = central
    engine.directory.mkdir()
    (engine.directory / "a-1.0.jar").write_bytes(b"a")
    jars.fetch(engine)
    assert (engine.directory / "b-1.0.jar").read_bytes() == b"b"
    assert capsys.readouterr().out == "1 of 2 jars are there.\nFetched 1 of 1.\n"
    jars.fetch(engine)
    assert capsys.readouterr().out == "2 of 2 jars are there.\n"


def test_a_file_that_is_not_what_was_pinned_is_not_kept(central):
    root, engine = central
    (root / "b" / "b-1.0.jar").write_bytes(b"another")
    with pytest.raises(exits.MachineError, match=r"b-1\.0\.jar is not the file .* should be 3e23"):
        jars.fetch(engine)
    assert not list(engine.directory.glob("b*"))


def test_a_file_that_is_gone_is_named(central):
    root, engine = central
    (root / "a" / "a-1.0.jar").unlink()
    with pytest.raises(exits.MachineError, match=r"a-1\.0\.jar cannot be fetched"):
        jars.fetch(engine)


def test_the_job_server_is_started_from_the_jars_beside_it(central):
    _, engine = central
    engine.directory.mkdir()
    jars.write_job_server(engine)
    with zipfile.ZipFile(engine.job_server) as jar:
        text = jar.read("META-INF/MANIFEST.MF").decode()
    assert max(len(line) for line in text.split("\r\n")) <= 72
    lines = text.replace("\r\n ", "").splitlines()
    assert "Class-Path: a-1.0.jar b-1.0.jar" in lines
    assert "Main-Class: org.Main" in lines
