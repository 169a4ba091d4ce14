"""What the READMEs say can be typed and followed."""

import ast
import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "*/README.md", "*/*/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
COMMANDS = (
    *("data_pipeline.build", "data_pipeline.explore", "data_pipeline.repair"),
    *("data_pipeline.verify", "trainer.main", "trainer.plan", "trainer.evaluate"),
    *("trainer.compare", "trainer.find_learning_rate", "trainer.augment.__main__", "launch.sweep"),
)
OWN = ("data_pipeline", "trainer", "tfrecords", "launch")
OF_OTHERS = {
    *("flagfile", "help"),  # absl
    *("runner", "job_endpoint", "flink_master", "environment_type"),  # Beam
    *("flink_job_server_jar", "spark_job_server_jar"),
    *("logdir", "extra", "universal", "python-version", "generate-hashes", "no-header"),
}
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
FLAG = re.compile(r"(?<![\w-])--([a-z][\w-]+)")


@pytest.fixture(scope="module")
def flags() -> set[str]:
    names = set(OF_OTHERS)
    for command in COMMANDS:
        found = importlib.import_module(command).FLAGS
        names |= set(found) | {f"no{name}" for name in found}
    return names


def ids(page: pathlib.Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_a_page_links_to_is_there(page):
    assert [
        link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()
    ] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "benchmarks" not in page.parts], ids=ids
)
def test_the_flags_on_a_page_are_those_of_a_command(page, flags):
    assert set(FLAG.findall(page.read_text())) - flags == set()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_the_code_on_a_page_imports_has_what_it_uses(page):
    for block in PYTHON.findall(page.read_text()):
        nodes = list(ast.walk(ast.parse(block)))
        modules = {
            name.asname or name.name: importlib.import_module(f"{node.module}.{name.name}")
            for node in nodes
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in OWN
            for name in node.names
        }
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = modules.get(node.value.id)
                assert module is None or hasattr(module, node.attr), ast.unparse(node)
