import pytest

from data_pipeline.running import strict_options
from tfrecords import exits


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--runner=FnApiRunner", "--direct_num_workers=2", "--experiments=a", "--experiments=b"],
        ["--runner=PortableRunner", "--job_endpoint=localhost:9", "--environment_type=LOOPBACK"],
        ["--runner", "FlinkRunner", "--flink_master", "[local]", "--flink_job_server_jar=x.jar"],
        ["--runner=DataflowRunner", "--project=p", "--region=r", "--setup_file=./setup.py"],
        ["--runner=SparkRunner", "--spark_master_url=local[2]", "--environment_config=host:50000"],
    ],
)
def test_options_of_beam_and_its_runners_are_legal(flags):
    strict_options.parse(flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--direct_num_worker=2"], r"unknown: --direct_num_worker=2\. Did you mean --direct_num_"),
        (["--runner=FnApiRunner", "--zyx", "3"], r"those after the --: unknown: --zyx 3\.$"),
        (["faces"], r"unknown: faces\."),
        (["--seed=3"], r"--seed is a flag of the build\. Put it before the --\."),
        (["--direct_num_workers=two"], "invalid int value: 'two'"),
        (["--runner=Foo"], "Unexpected pipeline runner: Foo"),
        (["--runner=os.Foo"], "no attribute 'Foo'"),
        (["--runner=PortableRunner"], "--runner=PortableRunner needs the --job_endpoint"),
    ],
)
def test_a_mistake_is_refused_before_any_work(flags, message):
    with pytest.raises(exits.UsageError, match=message):
        strict_options.parse(flags)


def test_a_runner_that_is_not_installed_is_the_machines_lack():
    with pytest.raises(exits.MachineError, match=r"cannot load --runner=absent\.Runner"):
        strict_options.parse(["--runner=absent.Runner"])


JOB_SERVER = ["--runner=FlinkRunner", "--flink_master=[local]", "--max_bundle_size=9"]


def _tell_options(parser):
    parser.add_argument("--max_bundle_size")


def test_what_the_job_server_knows_is_legal():
    options = strict_options.parse(JOB_SERVER)
    told = options.get_all_options(add_extra_args_fn=_tell_options)
    assert (told["flink_master"], told["max_bundle_size"]) == ("[local]", "9")


def test_what_the_job_server_does_not_know_is_refused():
    options = strict_options.parse([*JOB_SERVER, "--max_bundle_sizes=9"])
    with pytest.raises(exits.UsageError, match="unknown: --max_bundle_sizes=9. Did you mean --max"):
        options.get_all_options(add_extra_args_fn=_tell_options)
