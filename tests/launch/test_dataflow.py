import pathlib

import pytest
from apache_beam.options import pipeline_options, pipeline_options_validator
from apache_beam.runners import runner

from data_pipeline.running import strict_options
from launch import dataflow
from tfrecords import exits

ENVIRONMENT = {"PROJECT": "my-project", "REGION": "europe-west1", "BUCKET": "gs://my-bucket/"}


def _complaints(environment):
    options = strict_options.parse(dataflow.options(environment))
    chosen = runner.create_runner("DataflowRunner")
    return pipeline_options_validator.PipelineOptionsValidator(options, chosen).validate()


def test_beam_knows_and_accepts_all_options():
    assert _complaints(ENVIRONMENT) == []


def test_beam_looks_at_what_the_options_say():
    (complaint,) = _complaints({**ENVIRONMENT, "PROJECT": "123"})
    assert "Invalid Project ID (123)" in complaint


def test_the_code_is_shipped_by_the_projects_own_setup():
    options = strict_options.parse(dataflow.options(ENVIRONMENT))
    path = pathlib.Path(options.view_as(pipeline_options.SetupOptions).setup_file)
    assert 'name="deepfake-trainer"' in path.read_text(encoding="utf-8")


def test_what_is_missing_is_named():
    with pytest.raises(exits.UsageError, match=r"needs to know PROJECT, BUCKET\. Use: PROJECT="):
        dataflow.options({"REGION": "europe-west1"})
