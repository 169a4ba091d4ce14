"""Java programs from Maven Central: each jar is checked against its sha256 in a lock file.

Those that are there and right are not fetched again.
"""

import concurrent.futures
import dataclasses
import hashlib
import http.client
import pathlib
import shutil
import urllib.error
import urllib.request
import zipfile

from tfrecords import exits

CENTRAL = "https://repo.maven.apache.org/maven2/"
JOB_SERVER = "job-server.jar"

# What Flink and Spark reach into; Java 17 must be told.
OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.text",
    "java.base/java.time",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.util.concurrent.locks",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
)

_DOWNLOADS = 8  # at a time
_TIMEOUT_SECONDS = 60
_MANIFEST_BYTES = 70  # of a line at most, and of what is left of it on the next


@dataclasses.dataclass(frozen=True)
class Engine:
    """A runner of Beam in Java.

    Attributes:
      lock: names each jar by its path in Maven Central, after its sha256.
      directory: where they are kept.
      main: the class that starts Beam's job server.
    """

    lock: pathlib.Path
    directory: pathlib.Path
    main: str

    @property
    def job_server(self) -> pathlib.Path:
        """The jar that starts the job server from the jars beside it."""
        return self.directory / JOB_SERVER

    def pins(self) -> dict[str, str]:
        """Returns by path in Maven Central the sha256 of each jar."""
        lines = (line.split() for line in self.lock.read_text(encoding="utf-8").splitlines())
        return {path: sha256 for sha256, path in lines}

    def missing(self) -> dict[str, str]:
        """Returns the pins of the jars that the directory does not hold as they should be."""
        return {
            path: sha256
            for path, sha256 in self.pins().items()
            if _sha256(self.directory / pathlib.PurePosixPath(path).name) != sha256
        }


def fetch(engine: Engine) -> None:
    """Completes the jars of an engine.

    Raises:
      MachineError: a file cannot be fetched, or is not what it was when it was pinned.
    """
    engine.directory.mkdir(parents=True, exist_ok=True)
    wanted, num_jars = engine.missing(), len(engine.pins())
    print(f"{num_jars - len(wanted)} of {num_jars} jars are there.", flush=True)
    with concurrent.futures.ThreadPoolExecutor(_DOWNLOADS) as threads:
        jobs = [threads.submit(_fetch_one, path, sha256, engine) for path, sha256 in wanted.items()]
        try:
            for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
                job.result()
                if number % 20 == 0 or number == len(jobs):
                    print(f"Fetched {number} of {len(jobs)}.", flush=True)
        finally:
            threads.shutdown(cancel_futures=True)
    write_job_server(engine)


def write_job_server(engine: Engine) -> None:
    """Writes a jar that starts Beam's job server from the jars beside it."""
    names = sorted(pathlib.PurePosixPath(path).name for path in engine.pins())
    fields = {
        "Manifest-Version": "1.0",
        "Main-Class": engine.main,
        "Class-Path": " ".join(names),
        "Add-Opens": " ".join(OPENS),
    }
    text = "".join(f"{_folded(f'{name}: {value}')}\r\n" for name, value in fields.items())
    with zipfile.ZipFile(engine.job_server, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", text + "\r\n")


def _folded(line: str) -> str:
    parts = [line[at : at + _MANIFEST_BYTES] for at in range(0, len(line), _MANIFEST_BYTES)]
    return "\r\n ".join(parts)


def _fetch_one(path: str, sha256: str, engine: Engine) -> None:
    final = engine.directory / pathlib.PurePosixPath(path).name
    part = final.with_suffix(".part")
    try:
        with (
            urllib.request.urlopen(  # noqa: S310 - CENTRAL is https
                CENTRAL + path, timeout=_TIMEOUT_SECONDS
            ) as response,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, TimeoutError, http.client.HTTPException) as error:
        raise exits.MachineError(
            f"{CENTRAL}{path} cannot be fetched: {error}. Run the same command again to go on."
        ) from error
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise exits.MachineError(
            f"{CENTRAL}{path} is not the file that {engine.lock.name} names: its sha256 is "
            f"{found} and should be {sha256}. Nothing of it is kept."
        )
    part.replace(final)


def _sha256(path: pathlib.Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
