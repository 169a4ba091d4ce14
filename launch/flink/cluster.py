"""The processes of a Flink cluster on this machine, each listening on 127.0.0.1 alone.

A job manager, two task managers, the pool of Beam's workers that both ask for processes, and Beam's
job server. Each is the head of a process group and has a file in the cluster's directory with its
id, so that `stop` ends what `start` began and nothing else.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from launch import jars
from launch.flink import fetch
from tfrecords import exits

HOST = "127.0.0.1"
TASK_MANAGERS = 2
PREFERRED_PORTS = {"rpc": 6123, "rest": 8081, "job_server": 8099, "worker_pool": 50000}
START_SECONDS = 120.0
STOP_SECONDS = 10.0

_PORTS = "ports.json"
_TEMPORARY = "tmp"
_ARTIFACTS = "artifacts"
_SLOTS = 2  # of each task manager, so that one does the work of both when the other is lost

# A lost task manager is noticed within seconds, and the work that it had is given out again.
_SETTINGS = {
    "jobmanager.rpc.address": HOST,
    "jobmanager.bind-host": HOST,
    "jobmanager.memory.process.size": "1g",
    "rest.address": HOST,
    "rest.bind-address": HOST,
    "taskmanager.host": HOST,
    "taskmanager.bind-host": HOST,
    "taskmanager.numberOfTaskSlots": _SLOTS,
    "taskmanager.cpu.cores": 1,
    "taskmanager.load-balance.mode": "SLOTS",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    "parallelism.default": TASK_MANAGERS,
    "classloader.resolve-order": "parent-first",
    "heartbeat.interval": 1000,
    "heartbeat.timeout": 10000,
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": 3,
    "restart-strategy.fixed-delay.delay": "2 s",
}


def start(directory: pathlib.Path, engine: jars.Engine = fetch.FLINK) -> dict[str, int]:
    """Starts a cluster; returns its ports by name.

    Args:
      directory: of its process ids, its settings and its logs.
      engine: Flink, fetched.

    Raises:
      UsageError: a cluster of this directory runs already.
      MachineError: Java or the jars are missing, or a process does not come up.
    """
    java = find_java()
    if engine.missing():
        raise exits.MachineError("Flink is not here yet. Run: python -m launch.flink.fetch")
    if running(directory):
        raise exits.UsageError(
            f"A cluster runs already: {', '.join(running(directory))}. "
            "Stop it with: python -m launch.flink.stop"
        )
    directory.mkdir(parents=True, exist_ok=True)
    ports = {name: free_port(port) for name, port in PREFERRED_PORTS.items()}
    (directory / _PORTS).write_text(json.dumps(ports), encoding="utf-8")
    try:
        for name, command in _commands(directory.absolute(), engine, java, ports).items():
            _start_process(directory, name, command)
            if name == "jobmanager":  # the others look for it
                _wait(directory, lambda: _num_task_managers(ports) is not None)
        _wait(directory, lambda: _num_task_managers(ports) == TASK_MANAGERS)
        for name in ("job_server", "worker_pool"):
            _wait(directory, lambda port=ports[name]: _listens(port))  # type: ignore[misc]
    except BaseException:
        stop(directory)
        raise
    return ports


def stop(directory: pathlib.Path) -> list[str]:
    """Ends the processes that `start` began, and theirs; returns their names."""
    names = list(running(directory))
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        for process in running(directory).values():
            os.killpg(process, number)
        deadline = time.monotonic() + seconds
        while running(directory) and time.monotonic() < deadline:
            time.sleep(0.1)
    for path in directory.glob("*.pid"):
        path.unlink()
    for name in (_TEMPORARY, _ARTIFACTS):  # hundreds of megabytes, of those that were killed
        shutil.rmtree(directory / name, ignore_errors=True)
    return names


def ports_of(directory: pathlib.Path) -> dict[str, int]:
    """Returns the ports of a running cluster.

    Raises:
      MachineError: it does not run.
    """
    if "job_server" not in running(directory):
        raise exits.MachineError("No cluster runs. Start one with: python -m launch.flink.start")
    ports: dict[str, int] = json.loads((directory / _PORTS).read_text(encoding="utf-8"))
    return ports


def running(directory: pathlib.Path) -> dict[str, int]:
    """Returns the ids of a cluster's processes that run, by name."""
    found = {}
    for path in sorted(directory.glob("*.pid")):
        process, _, command = path.read_text(encoding="utf-8").partition(" ")
        shown = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", process], capture_output=True, text=True, check=False
        )
        # Numbers are used again: another program under this one is none of ours.
        if shown.stdout.strip() == command.strip():
            found[path.stem] = int(process)
    return found


def find_java() -> str:
    """Returns the path of Java.

    Raises:
      MachineError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise exits.MachineError(
            "Flink needs Java 11 or 17, and there is no java "
            f"{f'in JAVA_HOME={home}' if home else 'on the PATH'}. "
            "Install it (Debian: apt install openjdk-17-jre-headless)."
        )
    return java


def _commands(
    directory: pathlib.Path, engine: jars.Engine, java: str, ports: Mapping[str, int]
) -> dict[str, list[str]]:
    settings = _SETTINGS | {
        "jobmanager.rpc.port": ports["rpc"],
        "rest.port": ports["rest"],
        "io.tmp.dirs": str(directory / _TEMPORARY),
    }
    opens = [f"--add-opens={package}=ALL-UNNAMED" for package in jars.OPENS]
    times = (
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss",
    )
    classes = [*opens, *times, "-cp", f"{engine.directory.absolute()}/*"]
    flink = "org.apache.flink.runtime"
    commands = {
        "jobmanager": [
            java,
            "-Xmx512m",
            *classes,
            f"{flink}.entrypoint.StandaloneSessionClusterEntrypoint",
            *_configured(directory, "jobmanager", settings),
        ]
    }
    for number in range(1, TASK_MANAGERS + 1):
        name = f"taskmanager-{number}"
        own = settings | {"taskmanager.resource-id": name}
        commands[name] = [
            java,
            "-Xmx384m",
            "-XX:MaxDirectMemorySize=256m",
            *classes,
            f"{flink}.taskexecutor.TaskManagerRunner",
            *_configured(directory, name, own),
        ]
    commands["worker_pool"] = [
        *(sys.executable, "-m", "data_pipeline.worker_pool"),
        *(f"--host={HOST}", f"--port={ports['worker_pool']}"),
    ]
    commands["job_server"] = [
        java,
        "-Xmx512m",
        *classes,
        engine.main,
        f"--flink-master=http://{HOST}:{ports['rest']}",
        f"--job-host={HOST}",
        f"--job-port={ports['job_server']}",
        *("--artifact-port=0", "--expansion-port=0"),
        f"--artifacts-dir={directory / _ARTIFACTS}",
    ]
    return commands


def _configured(
    directory: pathlib.Path, name: str, settings: Mapping[str, object]
) -> tuple[str, str]:
    folder = directory / name
    folder.mkdir(exist_ok=True)
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in settings.items()]
    (folder / "config.yaml").write_text("".join(lines), encoding="utf-8")
    return "--configDir", str(folder)


def _start_process(directory: pathlib.Path, name: str, command: list[str]) -> None:
    # Not by subprocess, which expects that a process is waited for: this one outlives its parent.
    process = os.posix_spawn(
        command[0],
        command,
        os.environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (
                os.POSIX_SPAWN_OPEN,
                1,
                str(directory / f"{name}.log"),
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                0o644,
            ),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    text = f"{process} {' '.join(command)}"
    (directory / f"{name}.pid").write_text(text, encoding="utf-8")


def free_port(preferred: int) -> int:
    """Returns a port of 127.0.0.1 that is free: the preferred one, or another, and says so."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                print(f"Port {preferred} is taken; another is used instead.")
                continue
            return int(probe.getsockname()[1])
    raise exits.MachineError(f"No port of {HOST} is free.")


def _wait(directory: pathlib.Path, is_up: Callable[[], bool]) -> None:
    started = {path.stem for path in directory.glob("*.pid")}
    deadline = time.monotonic() + START_SECONDS
    while not is_up():
        ended = started - set(running(directory))
        if ended or time.monotonic() > deadline:
            what = f"{min(ended)} ended" if ended else f"it took over {START_SECONDS:.0f} s"
            raise exits.MachineError(f"The cluster did not come up: {what}. See {directory}/*.log.")
        time.sleep(0.2)


def _num_task_managers(ports: Mapping[str, int]) -> int | None:
    """Returns how many task managers the job manager knows; None if it does not answer."""
    url = f"http://{HOST}:{ports['rest']}/taskmanagers"
    # Not through a proxy that the environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            answer: Any = json.load(response)
    except (OSError, ValueError):
        return None
    return len(answer["taskmanagers"])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
