"""How far metrics would move on other test sets like this one: a bootstrap over groups.

Frames of a video, or an original and its fakes, resemble each other, and say less than as many
independent examples. So groups are drawn, not examples (Davison and Hinkley 1997, "Bootstrap
Methods and their Application", section 3.8), and as many of those with the same classes in them as
there are. The draws follow from the labels and groups alone: two models are drawn alike, so that
their differences can be told from noise.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from trainer.scoring import metrics

RESAMPLES = 2000
_OF_ONE_CLASS = ("precision", "recall")
_SEED = 0
_CHUNK_VALUES = 1 << 21  # weights at a time: 16 MiB


def distributions(
    labels: np.ndarray, chances: np.ndarray, positive: int, group_ids: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns by name the metrics of `metrics.NAMES` on each resample, float64 [RESAMPLES].

    Where a class is absent the AUC is not defined, and is left out.

    Args:
      labels: int64 [examples].
      chances: class probabilities, [examples, classes].
      positive: the index of the positive class of two.
      group_ids: of each example; what has the same one is drawn together.
    """
    classes = chances.shape[1]
    cells = labels * classes + chances.argmax(axis=1)
    ranked = [] if len(np.unique(labels)) < classes else _rankings(labels, chances, positive)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in metrics.NAMES}
    for weights in _weights(labels, group_ids, classes):
        confusion = _sums(weights, cells, classes * classes).reshape(-1, classes, classes)
        values = metrics.of_confusion(confusion, positive)
        if ranked:
            values["auc"] = np.mean([_areas(weights, *ranking) for ranking in ranked], axis=0)
        for name, value in values.items():
            parts[name].append(value)
    return {name: np.concatenate(values) for name, values in parts.items() if values}


def intervals(
    values: Mapping[str, float | None],
    labels: np.ndarray,
    chances: np.ndarray,
    positive: int,
    group_ids: Sequence[str],
) -> dict[str, list[float] | None]:
    """Returns `<name>_interval` of each metric, None where it is not defined.

    Args:
      values: by name those of `metrics.NAMES`, on the test set itself.
      labels: as for `distributions`, and so what follows.
      chances: see there.
      positive: see there.
      group_ids: see there.
    """
    found = distributions(labels, chances, positive, group_ids)
    num_groups = dict.fromkeys(values, len(set(group_ids)))
    num_groups |= dict.fromkeys(_OF_ONE_CLASS, _smallest_class(labels, group_ids))
    return {
        f"{name}_interval": None
        if value is None
        else interval(value, found[name], num_examples=len(labels), num_groups=num_groups[name])
        for name, value in values.items()
    }


def interval(
    value: float, distribution: np.ndarray, *, num_examples: int, num_groups: int
) -> list[float]:
    """Returns the 95 % interval of a metric in [0, 1].

    It is Wilson's for as many independent examples as would make a share spread as the metric does,
    and so is no point where there is hardly a mistake to draw, as percentiles would be. Source, for
    the area under the ROC curve: Newcombe 2006, Statistics in Medicine 25:559.

    Args:
      value: of the metric, on the test set itself.
      distribution: on its resamples.
      num_examples: of the test set; the metric is not taken to rest on more.
      num_groups: that a score without a mistake rests on.
    """
    variance = float(np.var(distribution))
    if value in (0, 1) and not variance:
        return metrics.wilson_interval(value, num_groups)
    return metrics.wilson_interval(
        value, max(1, min(num_examples, value * (1 - value) / max(variance, 1e-12)))
    )


def _smallest_class(labels: np.ndarray, group_ids: Sequence[str]) -> int:
    """Returns the number of groups of the class that occurs in the fewest."""
    pairs = set(zip(labels.tolist(), group_ids, strict=True))
    return int(np.unique([label for label, _ in pairs], return_counts=True)[1].min())


def _sums(weights: np.ndarray, cells: np.ndarray, num_cells: int) -> np.ndarray:
    """Returns the weights of the examples of each cell together, float64 [resamples, num_cells].

    Args:
      weights: of the examples, [resamples, examples].
      cells: of the examples, int64 [examples].
      num_cells: most may be empty: of n classes there are n * n.
    """
    order = np.argsort(cells, kind="stable")
    there, starts = np.unique(cells[order], return_index=True)
    sums = np.zeros((len(weights), num_cells))
    sums[:, there] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _weights(labels: np.ndarray, group_ids: Sequence[str], classes: int) -> Iterator[np.ndarray]:
    """Yields how often each example is drawn, float64 [resamples, examples]; RESAMPLES in all."""
    groups, group_of = np.unique(np.asarray(group_ids, dtype=object), return_inverse=True)
    strata = _strata(labels, group_of, len(groups))
    random = np.random.default_rng(_SEED)
    rows = max(1, _CHUNK_VALUES // max(len(labels), classes * classes))
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        drawn = np.zeros((count, len(groups)))
        for members in strata:
            shares = np.full(len(members), 1 / len(members))
            drawn[:, members] = random.multinomial(len(members), shares, size=count)
        yield drawn[:, group_of]


def _strata(labels: np.ndarray, group_of: np.ndarray, num_groups: int) -> list[np.ndarray]:
    """Returns the indices of the groups, those with the same classes in them together."""
    has_class = np.zeros((num_groups, labels.max() + 1), bool)
    has_class[group_of, labels] = True
    kinds, kind_of = np.unique(has_class, axis=0, return_inverse=True)
    return [np.flatnonzero(kind_of.ravel() == kind) for kind in range(len(kinds))]


def _rankings(
    labels: np.ndarray, chances: np.ndarray, positive: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns, for each class whose AUC counts, what `_areas` takes."""
    classes = chances.shape[1]
    rankings = []
    for index in [positive] if classes == 2 else range(classes):
        order = np.argsort(chances[:, index], kind="stable")
        scores = chances[order, index]
        starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
        rankings.append((order, starts, labels[order] == index))
    return rankings


def _areas(
    weights: np.ndarray, order: np.ndarray, starts: np.ndarray, is_positive: np.ndarray
) -> np.ndarray:
    """Returns the weighted areas under the ROC curve, ties counted half; float64 [resamples].

    Args:
      weights: of the examples, [resamples, examples].
      order: of the examples by their score.
      starts: where in this order each other score begins.
      is_positive: of the examples in this order.
    """
    ordered = weights[:, order]
    hits = np.add.reduceat(ordered * is_positive, starts, axis=1)
    others = np.add.reduceat(ordered * ~is_positive, starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    return (hits * below).sum(axis=1) / (hits.sum(axis=1) * others.sum(axis=1))
