"""Who the workers of a training are: the environment variable TF_CONFIG, read and checked."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from tfrecords import exits

VARIABLE = "TF_CONFIG"
_CHIEF, _WORKER = "chief", "worker"
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a training.

    Attributes:
      addresses: host:port of each, the chief first.
      index: of this process among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def count(self) -> int:
        """The number of the workers."""
        return len(self.addresses)

    @property
    def others(self) -> dict[int, str]:
        """The addresses of the other workers, by their index."""
        places = enumerate(self.addresses)
        return {index: address for index, address in places if index != self.index}


def from_environment(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Returns what TF_CONFIG says.

    Raises:
      UsageError: it is absent, or says something that workers cannot go by.
    """
    text = environment.get(VARIABLE, "")
    try:
        return _parse(text)
    except _Mistake as mistake:
        raise exits.UsageError(
            f"--strategy=multi_worker_mirrored reads the environment variable {VARIABLE}, "
            f"{mistake}. It must say who the workers are and which one this is, as in {_EXAMPLE}. "
            f"Received: {text!r}. launch/workers.sh sets it."
        ) from None


class _Mistake(Exception):  # noqa: N818 - part of a sentence
    pass


def _parse(text: str) -> Cluster:
    if not text.strip():
        raise _Mistake("which is not set")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _Mistake(f"which is no JSON: {error}") from error
    for name in ("cluster", "task"):
        if not isinstance(content, dict) or not isinstance(content.get(name), dict):
            raise _Mistake(f'which has no "{name}" in braces')
    chiefs, others = _addresses(content["cluster"])
    return Cluster((*chiefs, *others), _index(content["task"], len(chiefs), len(others)))


def _addresses(cluster: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Returns the addresses of the chief and of the workers."""
    for job, addresses in cluster.items():
        if job not in (_CHIEF, _WORKER):
            raise _Mistake(f'whose cluster has a "{job}", and there are only workers and a chief')
        if not isinstance(addresses, list) or not all(isinstance(a, str) for a in addresses):
            raise _Mistake(f'whose "{job}" is no list of addresses')
    chiefs, others = cluster.get(_CHIEF, []), cluster.get(_WORKER, [])
    if not chiefs + others:
        raise _Mistake("whose cluster is empty")
    if len(chiefs) > 1:
        raise _Mistake(f"whose cluster has {len(chiefs)} chiefs, and one is enough")
    for address in (*chiefs, *others):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise _Mistake(f'whose address "{address}" is not of the form host:port')
        if (chiefs + others).count(address) > 1:
            raise _Mistake(f"which gives two workers the address {address}")
    return chiefs, others


def _index(task: dict[str, Any], num_chiefs: int, num_others: int) -> int:
    """Returns the index of a task among all workers."""
    kind, index = task.get("type"), task.get("index", 0)
    if kind not in (_CHIEF, _WORKER):
        raise _Mistake(f'whose task has the type "{kind}" in place of worker')
    if not str(index).isdecimal():
        raise _Mistake(f'whose task has the index "{index}" in place of a number from 0 on')
    number = num_chiefs if kind == _CHIEF else num_others
    if int(index) >= number:
        has = {0: f"no {kind}", 1: f"{kind} 0 alone"}.get(number, f"{kind}s 0 to {number - 1}")
        raise _Mistake(f"whose task is {kind} {index}, and its cluster has {has}")
    return int(index) + (num_chiefs if kind == _WORKER else 0)
