"""Spark, which Beam's job server holds in itself."""

import dataclasses
import shutil

import pytest

from launch.spark import fetch
from tests.data_pipeline import engines

SPARK = dataclasses.replace(fetch.SPARK, directory=engines.ROOT / fetch.SPARK.directory)


@pytest.mark.engine
def test_spark_gives_the_same_bytes(tmp_path):
    if shutil.which("java") is None or SPARK.missing():
        pytest.skip("needs Java and Spark: python -m launch.spark.fetch")
    source, expected = engines.built_here(tmp_path)
    done = engines.run(
        source,
        tmp_path / "spark",
        [
            "--runner=SparkRunner",
            f"--spark_job_server_jar={SPARK.job_server}",
            "--environment_type=LOOPBACK",
        ],
    )
    assert done.returncode == 0, done.stderr
    dataset = tmp_path / "spark" / "tiny" / "1.0.0"
    assert engines.bytes_of(dataset) == engines.bytes_of(expected)
    assert engines.hidden(dataset) == []
