"""How well a label can be told from the format of the files alone. Pure.

`evidence` is what is known, `judge` what it tells.

A network learns what is easiest. Where all fakes are JPEGs of one quality, or larger than the
photos, that is easier than to look at the picture, and worth nothing elsewhere. So a linear model
guesses the label from such facts; it should not do better than chance.

The model is a logistic regression with an L2 penalty. Numbers stand beside their comparisons with
their own quantiles, so that it also finds a single size between others. It is judged by
cross-validation: stratified folds that keep groups together, and the area under the ROC curve of
all predictions, each made by a model that has not seen the fold. The interval is that of
Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
curve", Radiology 143, 1982. It takes images to be independent: where groups are large, it is too
narrow.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from data_pipeline.references import Facts
from tfrecords.manifest import Target

MAX_IMAGES = 10_000  # of which the audit makes its sample; enough for an interval of .02
MIN_GROUPS = 20  # of each class
WARN_ABOVE = 0.6
FOLDS = 5
_QUANTILES = 8
_CATEGORIES = 12  # the commonest; the others are one more
_Z = 1.959964  # of a 95 % interval

_SIZE, _COLOUR = "width and height", "mean colour"

Columns = npt.NDArray[np.float64]
Values = npt.NDArray[Any]  # numbers [images, numbers], or texts [images]
Item = TypeVar("Item")
# By name what is known of a file; each a tuple of numbers, or a text. Of facts that tell equally
# much the first is named, so that causes stand before what follows from them.
FACTS: Mapping[str, Callable[[Facts], tuple[float, ...] | str]] = {
    "format": lambda facts: facts.format,
    "JPEG quality": lambda facts: (-1 if facts.quality is None else facts.quality,),
    "chroma subsampling": lambda facts: facts.subsampling,
    "progressive": lambda facts: str(facts.progressive),
    "EXIF": lambda facts: str(facts.exif),
    "mode": lambda facts: facts.mode,
    _SIZE: lambda facts: (math.log(facts.width), math.log(facts.height)),
    "bytes per pixel": lambda facts: (math.log(facts.num_bytes / facts.width / facts.height),),
    "file size": lambda facts: (math.log(facts.num_bytes),),
    _COLOUR: lambda facts: (facts.red, facts.green, facts.blue),
}


def advice(fact: str, is_equalized: bool) -> str:
    """Returns what can be done about a fact that gives a target away."""
    if fact == _COLOUR:
        return "Colour may belong to what is shown: compare the classes in the report."
    if fact == _SIZE:
        return "An --image_size below that of all sources gives all images the same short side."
    if is_equalized:
        return "All images were encoded alike: it lies in what the sources have lost before."
    return "--equalize encodes all images alike."


@dataclasses.dataclass(frozen=True)
class Result:
    """What an audit of a target has found.

    Attributes:
      class_name: that is told from all others; of several the one that is told best.
      auc: of all facts together; None where it is not defined.
      interval: of the AUC, 95 %.
      by_fact: by the name of each fact the AUC that it has alone, the largest first.
      num_images: that were looked at.
      is_sample: whether there were more.
      note: why nothing is defined; empty where it is.
    """

    class_name: str = ""
    auc: float | None = None
    interval: tuple[float, float] | None = None
    by_fact: Mapping[str, float] = dataclasses.field(default_factory=dict)
    num_images: int = 0
    is_sample: bool = False
    note: str = ""

    @property
    def gives_away(self) -> str | None:
        """The fact that tells most, where all together tell more than they should."""
        if self.auc is None or self.interval is None:
            return None
        is_told = self.auc > WARN_ABOVE and self.interval[0] > 0.5
        return next(iter(self.by_fact)) if is_told else None

    def to_json(self) -> dict[str, Any]:
        """Returns what `statistics.json` holds."""
        return {**dataclasses.asdict(self), "gives_away": self.gives_away}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of some images.

    Attributes:
      values: by the name of each of `FACTS` what it is of each image: a row of numbers, or a text.
      labels: int64 [number], the index of the class of each image.
      groups: int64 [number], the number of its group.
      target: the class names.
      is_sample: whether there were more images.
      seed: decides the folds.
    """

    values: Mapping[str, Values]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    target: Target
    is_sample: bool
    seed: int

    @property
    def usable(self) -> list[int]:
        """The classes that can be told from all others, if there is enough of both."""
        usable = [index for index in range(len(self.target.class_names)) if self._is_enough(index)]
        if len(usable) == len(self.target.class_names) == 2:  # each is told as well as the other
            positive = self.target.positive
            return [1 if positive is None else self.target.class_names.index(positive)]
        return usable

    def _is_enough(self, index: int) -> bool:
        parts = (self.groups[self.labels == index], self.groups[self.labels != index])
        return all(len(np.unique(groups)) >= MIN_GROUPS for groups in parts)


def evidence(
    facts: Sequence[Facts],
    labels: Sequence[int],
    groups: Sequence[str],
    target: Target,
    is_sample: bool = False,
    seed: int = 0,
) -> Evidence:
    """Returns what an audit is made of.

    Args:
      facts: of the files; see `sample`.
      labels: of each the index of its class.
      groups: of each its group; no group lies in two folds.
      target: the class names.
      is_sample: whether there are more files.
      seed: decides the folds.
    """
    numbers = {group: number for number, group in enumerate(sorted(set(groups)))}
    return Evidence(
        # As arrays: tuples of many images would take ten times the memory, in two processes.
        {name: np.array(list(map(known, facts))) for name, known in FACTS.items()},
        np.array(labels, np.int64),
        np.array([numbers[group] for group in groups], np.int64),
        target,
        is_sample,
        seed,
    )


def sample(items: Iterable[Item], number: int, seed: int = 0) -> list[Item]:
    """Returns all of so many items, or `MAX_IMAGES` of them, in their order."""
    if number <= MAX_IMAGES:
        return list(items)
    places = set(np.random.default_rng(seed).choice(number, MAX_IMAGES, replace=False).tolist())
    return [item for place, item in enumerate(items) if place in places]


def judge(evidence: Evidence) -> Result:
    """Tells how well a target can be guessed."""
    result = Result(num_images=len(evidence.labels), is_sample=evidence.is_sample)
    usable = evidence.usable
    if not usable:
        note = f"not defined: it takes {MIN_GROUPS} groups of images of each of two classes"
        return dataclasses.replace(result, note=note)
    everything, blocks = _blocks(evidence.values, len(evidence.labels))
    judges = {
        index: _Judge(evidence.labels == index, evidence.groups, evidence.seed) for index in usable
    }
    aucs = {index: judge.auc(everything) for index, judge in judges.items()}
    told = max(aucs, key=lambda index: aucs[index])
    single = {name: round(judges[told].auc(block), 4) for name, block in blocks.items()}
    num_positives = int((evidence.labels == told).sum())
    return dataclasses.replace(
        result,
        class_name=evidence.target.class_names[told],
        auc=round(aucs[told], 4),
        interval=interval(aucs[told], num_positives, len(evidence.labels) - num_positives),
        by_fact=dict(sorted(single.items(), key=lambda item: -item[1])),
    )


def _blocks(values: Mapping[str, Values], number: int) -> tuple[Columns, dict[str, Columns]]:
    """Returns what a linear model sees of all facts, and by name of each fact that differs.

    The latter are parts of the former, and take no memory of their own.
    """
    blocks = {name: _columns(known) for name, known in values.items()}
    blocks = {name: block for name, block in blocks.items() if block.shape[1]}
    everything = np.hstack([np.zeros((number, 0)), *blocks.values()])
    ends = np.cumsum([block.shape[1] for block in blocks.values()], dtype=np.int64)
    return everything, dict(zip(blocks, np.split(everything, ends, axis=1), strict=False))


def interval(auc: float, num_positives: int, num_negatives: int) -> tuple[float, float]:
    """Returns the 95 % interval of an AUC, after Hanley and McNeil."""
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc)
    variance += (num_positives - 1) * (first - auc * auc)
    variance += (num_negatives - 1) * (second - auc * auc)
    half = _Z * math.sqrt(max(0.0, variance) / (num_positives * num_negatives))
    return round(max(0.0, auc - half), 4), round(min(1.0, auc + half), 4)


def _columns(values: Values) -> Columns:
    """Returns what a linear model sees of a fact; no column where it is the same for all."""
    if values.dtype.kind == "U":
        columns = _categories(values)
    else:
        columns = np.hstack([_numbers(column) for column in values.astype(np.float64).T])
    columns = np.unique(columns[:, columns.std(axis=0) > 1e-9], axis=1)
    return (columns - columns.mean(axis=0)) / columns.std(axis=0) if columns.size else columns


def _categories(texts: npt.NDArray[np.str_]) -> Columns:
    found, counts = np.unique(texts, return_counts=True)
    common = found[np.argsort(-counts, kind="stable")][:_CATEGORIES]
    return (texts[:, None] == common).astype(np.float64)


def _numbers(values: npt.NDArray[np.float64]) -> Columns:
    cuts = np.unique(np.quantile(values, np.arange(1, _QUANTILES) / _QUANTILES, method="nearest"))
    compared = values[:, None]
    return np.hstack([compared, compared < cuts, compared > cuts]).astype(np.float64)


def _folds(
    positive: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.int64]:
    """Returns the fold of each image, int64 below FOLDS: groups alike in turn, the largest first.

    scikit-learn's `StratifiedGroupKFold` takes minutes for as many groups as there are images.
    """
    sizes = np.bincount(groups)
    shares = np.bincount(groups, positive) / np.maximum(sizes, 1)
    by_lot = np.random.default_rng(seed).permutation(len(sizes))
    order = np.lexsort((by_lot, -sizes, shares))
    folds = np.empty(len(sizes), np.int64)
    folds[order] = np.arange(len(sizes)) % FOLDS
    return folds[groups]


class _Judge:
    """Tells a class from the others, always in the same folds."""

    def __init__(self, positive: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64], seed: int):
        # Here, because they take two seconds, and workers and small sets never need them.
        import threadpoolctl
        from sklearn import linear_model, metrics

        self._positive = positive
        self._folds = _folds(positive, groups, seed)
        self._model = linear_model.LogisticRegression(C=0.1, max_iter=200)
        self._area = metrics.roc_auc_score
        # Threads would wait for each other after each of thousands of small products: on two busy
        # processors 130 seconds for what one thread does in five.
        self._threads = threadpoolctl.ThreadpoolController()

    def auc(self, columns: Columns) -> float:
        """Returns the AUC of predictions for what was held out; .5 if nothing is known."""
        scores = np.zeros(len(self._positive))
        for fold in range(FOLDS):
            train, test = self._folds != fold, self._folds == fold
            if columns.shape[1] and test.any() and len(np.unique(self._positive[train])) == 2:
                with self._threads.limit(limits=1), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # whether it has converged to the last digit
                    self._model.fit(columns[train], self._positive[train])
                scores[test] = self._model.decision_function(columns[test])
        return float(self._area(self._positive, scores))
