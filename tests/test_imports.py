"""Who may know whom: trainer and data_pipeline know tfrecords, and nobody else's house."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("tfrecords", "data_pipeline", "trainer", "launch")
MAY_IMPORT = {
    "tfrecords": {"tfrecords"},
    "data_pipeline": {"tfrecords", "data_pipeline"},
    "trainer": {"tfrecords", "trainer"},
    "launch": {"tfrecords", "data_pipeline", "trainer", "launch"},
}
CONTRACT_MAY_IMPORT = {"google_crc32c", "numpy"}
FOREIGN = {
    "data_pipeline": {"tensorflow", "tensorflow_datasets", "keras"},
    "trainer": {"apache_beam", "tensorflow_datasets"},
}


def _imports(path: pathlib.Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _modules(package: str) -> list[pathlib.Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_stands_below_it(package):
    for path in _modules(package):
        imported = _imports(path)
        assert imported & set(PACKAGES) <= MAY_IMPORT[package], path
        assert not imported & FOREIGN.get(package, set()), path
        assert "tests" not in imported, path


def test_the_contract_needs_numpy_and_checksums_alone_and_tensorflow_in_its_reader():
    for path in _modules("tfrecords"):
        allowed = CONTRACT_MAY_IMPORT | {"tfrecords"} | set(sys.stdlib_module_names)
        allowed |= {"tensorflow"} if path.name == "reader.py" else set()
        assert _imports(path) <= allowed, path


@pytest.mark.parametrize(
    ("package", "unwanted"),
    [("data_pipeline", "tensorflow"), ("trainer", "apache_beam")],
)
def test_importing_all_of_one_half_never_loads_the_other_halfs_framework(package, unwanted):
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in _modules(package)]
    assert not _loaded(modules, {unwanted})


def test_a_build_leaves_what_takes_much_memory_to_its_reporter():
    assert not _loaded(["data_pipeline.build"], {"matplotlib", "scipy", "sklearn"})


def _loaded(modules: list[str], names: set[str]) -> set[str]:
    """Returns which of some modules a process has loaded that imports others."""
    program = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(*{names!r}.intersection(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.split())
