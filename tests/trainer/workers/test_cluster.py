import json

import pytest

from tfrecords import exits
from trainer.workers import cluster

TWO = {"worker": ["a:1", "b:1"]}


def _environment(addresses, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": addresses, "task": task})}


@pytest.mark.parametrize(
    ("addresses", "kind", "index", "expected"),
    [
        (TWO, "worker", 0, (("a:1", "b:1"), 0)),
        (TWO, "worker", 1, (("a:1", "b:1"), 1)),
        (TWO, "worker", "1", (("a:1", "b:1"), 1)),
        ({"worker": ["[::1]:1"]}, "worker", 0, (("[::1]:1",), 0)),
        ({**TWO, "chief": ["c:1"]}, "chief", 0, (("c:1", "a:1", "b:1"), 0)),
        ({"chief": ["c:1"], **TWO}, "worker", 1, (("c:1", "a:1", "b:1"), 2)),
    ],
)
def test_tf_config_says_who_the_workers_are_and_which_one_this_is(addresses, kind, index, expected):
    found = cluster.from_environment(_environment(addresses, kind, index))
    assert (found.addresses, found.index) == expected


def test_the_others_are_all_but_this_one():
    found = cluster.Cluster(("a:1", "b:1", "c:1"), 1)
    assert found.count == 3
    assert found.others == {0: "a:1", 2: "c:1"}


@pytest.mark.parametrize(
    ("environment", "mistake"),
    [
        ({}, "which is not set"),
        ({"TF_CONFIG": " "}, "which is not set"),
        (
            {"TF_CONFIG": "{"},
            "which is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 "
            "(char 1)",
        ),
        ({"TF_CONFIG": "[]"}, 'which has no "cluster" in braces'),
        ({"TF_CONFIG": "{}"}, 'which has no "cluster" in braces'),
        ({"TF_CONFIG": '{"cluster": {}}'}, 'which has no "task" in braces'),
        (_environment({}), "whose cluster is empty"),
        (_environment({"worker": []}), "whose cluster is empty"),
        (_environment({"worker": "a:1"}), 'whose "worker" is no list of addresses'),
        (_environment({"worker": [1]}), 'whose "worker" is no list of addresses'),
        (
            _environment({**TWO, "ps": ["c:1"]}),
            'whose cluster has a "ps", and there are only workers and a chief',
        ),
        (
            _environment({**TWO, "chief": ["c:1", "d:1"]}),
            "whose cluster has 2 chiefs, and one is enough",
        ),
        (_environment({"worker": ["a"]}), 'whose address "a" is not of the form host:port'),
        (_environment({"worker": [":1"]}), 'whose address ":1" is not of the form host:port'),
        (_environment({"worker": ["a:0"]}), 'whose address "a:0" is not of the form host:port'),
        (_environment({"worker": ["a:1", "a:1"]}), "which gives two workers the address a:1"),
        (_environment(TWO, "evaluator"), 'whose task has the type "evaluator" in place of worker'),
        (
            _environment(TWO, index="x"),
            'whose task has the index "x" in place of a number from 0 on',
        ),
        (
            _environment(TWO, index=-1),
            'whose task has the index "-1" in place of a number from 0 on',
        ),
        (_environment(TWO, index=2), "whose task is worker 2, and its cluster has workers 0 to 1"),
        (_environment(TWO, "chief"), "whose task is chief 0, and its cluster has no chief"),
        (
            _environment({"worker": ["a:1"]}, index=1),
            "whose task is worker 1, and its cluster has worker 0 alone",
        ),
    ],
)
def test_each_mistake_in_tf_config_is_named_and_an_example_given(environment, mistake):
    with pytest.raises(exits.UsageError) as error:
        cluster.from_environment(environment)
    assert str(error.value) == (
        "--strategy=multi_worker_mirrored reads the environment variable TF_CONFIG, "
        f"{mistake}. It must say who the workers are and which one this is, as in "
        '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", '
        f'"index": 0}}}}. Received: {environment.get("TF_CONFIG", "")!r}. launch/workers.sh sets '
        "it."
    )
