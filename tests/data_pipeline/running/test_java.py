import shutil
import sys

from data_pipeline.running import java


def test_a_job_server_is_started_by_this_module_where_there_is_java(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert java.launcher(["--runner=FlinkRunner"]) == [
        f"--job_server_java_launcher={sys.executable}",
        "--job_server_jvm_properties=-m",
        "--job_server_jvm_properties=data_pipeline.running.java",
    ]


def test_a_launcher_of_ones_own_is_kept(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert java.launcher(["--job_server_java_launcher=/opt/java"]) == []


def test_without_java_beam_finds_out_itself(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert java.launcher(["--runner=FlinkRunner"]) == []
