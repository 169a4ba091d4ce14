"""The charts of a build, each for the page (SVG) and for a file (PNG)."""

import collections
import contextlib
import dataclasses
import functools
import io
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import matplotlib
import matplotlib.figure
import matplotlib.layout_engine
import matplotlib.text
import matplotlib.transforms
from matplotlib.backends.backend_agg import FigureCanvasAgg

from data_pipeline.reporting import audit, panels
from tfrecords import manifest

WIDTH = 4.0  # inches; a phone shows it without making its letters too small
_TITLE_HEIGHT = 0.26  # inches, above a chart in its file
MAX_CLASSES = 6  # more lines cannot be told apart
# What the rows of formats are called: those of a value, and that of all rarer ones.
_KINDS = {
    "formats": ("{}", "other formats"),
    "modes": ("{}", "other modes"),
    "subsamplings": ("chroma {}", "other chroma"),
}
_ROWS_OF_A_KIND = 4
_MODES = {  # by the names that Pillow has for them
    "1": "black and white",
    "L": "grey",
    "LA": "grey, alpha",
    "I;16": "grey, 16 bits",
    "P": "palette",
    "RGBA": "RGB, alpha",
}
# On white in a file; the page puts its own colours in their place.
_VARIABLES = {panels.INK: "var(--ink)", panels.QUIET: "var(--quiet)", panels.LINE: "var(--line)"}
_STYLE: Any = {
    "font.size": 8.5,
    "text.color": panels.INK,
    "axes.facecolor": "none",
    "axes.labelcolor": panels.QUIET,
    "axes.edgecolor": panels.LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": panels.QUIET,
    "ytick.color": panels.QUIET,
    "grid.color": panels.LINE,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # class names come from strangers
}


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart: what it shows, what to look for, and how it is drawn."""

    name: str
    title: str
    caption: str
    draw: Callable[[matplotlib.figure.Figure], None]
    height: float = 2.5  # inches

    def svg(self) -> str:
        """Returns an <svg> element without its title, in the colours of the page around it."""
        figure, title = self._drawn
        title.set_visible(False)
        chart = matplotlib.transforms.Bbox.from_bounds(0, 0, WIDTH, self.height)
        with _style(self.name):
            buffer = io.StringIO()
            figure.savefig(
                buffer, format="svg", facecolor="none", bbox_inches=chart, metadata={"Date": None}
            )
        return _for_a_page(buffer.getvalue(), self.title)

    def png(self) -> bytes:
        """Returns a PNG with its title, dark on white."""
        figure, title = self._drawn
        title.set_visible(True)
        with _style():
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", facecolor="white")
        return buffer.getvalue()

    @functools.cached_property
    def _drawn(self) -> tuple[matplotlib.figure.Figure, matplotlib.text.Text]:
        """A figure with its title, which is laid out once: that takes half of all time."""
        with _style():
            height = self.height + _TITLE_HEIGHT
            figure = matplotlib.figure.Figure((WIDTH, height), dpi=160)
            FigureCanvasAgg(figure)
            self.draw(figure)
            layout = matplotlib.layout_engine.ConstrainedLayoutEngine(
                rect=(0, 0, 1, self.height / height)
            )
            layout.execute(figure)
            title = figure.text(0.01, 1 - 0.06 / height, self.title, va="top", fontsize=10)
        return figure, title


def of_target(
    name: str, target: manifest.Target, content: manifest.Manifest, numbers: Mapping[str, Any]
) -> list[Chart]:
    """Returns the charts of a target.

    Args:
      name: of the target.
      target: its classes.
      content: the manifest of the dataset.
      numbers: what `statistics.json` holds.
    """
    classes = dict(list(numbers["classes"][name].items())[:MAX_CLASSES])
    shown = {key: value for key, value in classes.items() if value["images"]}
    more = len(target.class_names) - len(classes)
    rest = f" The first {MAX_CLASSES} classes; {more} more are in statistics.json." if more else ""
    num_bars = len(content.splits) * len(classes)
    charts = [
        Chart(
            f"classes-{name}",
            "Examples by split and class",
            "Splits should have the same shares of each class." + rest,
            lambda figure: panels.balance(figure.subplots(), name, tuple(classes), content),
            max(1.6, 0.7 + 0.2 * num_bars),
        ),
        Chart(
            f"sizes-{name}",
            "Shorter side of the source images",
            "Classes that differ in size can be told apart without looking at the picture." + rest,
            lambda figure: panels.sides(figure.subplots(), shown),
        ),
        _formats(name, shown, rest),
        Chart(
            f"brightness-{name}",
            "Mean brightness of an image",
            "Lines that lie apart are a shortcut; peaks at the ends are black or white images."
            + rest,
            lambda figure: panels.brightness(figure.subplots(), shown),
        ),
        Chart(
            f"pixels-{name}",
            "Pixel values",
            "Grey values of all pixels, of thumbnails of 64 x 64." + rest,
            lambda figure: panels.pixels(figure.subplots(), shown),
        ),
        Chart(
            f"colours-{name}",
            "Colours by class",
            "Red, green and blue values of all pixels, of thumbnails of 64 x 64. Where a class has "
            "other curves, it has a tint that a network will learn." + rest,
            lambda figure: panels.by_channel(figure, shown),
            0.7 + 1.05 * len(shown),
        ),
    ]
    if any(sum(value["qualities"]) for value in shown.values()):
        charts.insert(
            3,
            Chart(
                f"quality-{name}",
                "JPEG quality of the source images",
                "Estimated from the quantisation tables. Each class should have the same." + rest,
                lambda figure: panels.qualities(figure.subplots(), shown),
            ),
        )
    return charts


def of_audit(name: str, found: Mapping[str, Any]) -> Chart | None:
    """Returns the chart of an audit, or None where it is not defined."""
    if found["source"]["auc"] is None:
        return None
    return Chart(
        f"audit-{name}",
        "How well format facts tell the class",
        "Area under the ROC curve, cross-validated. 0.5 is chance; right of the dotted line at "
        f"{audit.WARN_ABOVE} is too much. The bars at the top are 95 % intervals.",
        lambda figure: panels.audited(figure.subplots(), found),
        0.9 + 0.24 * (1 + len(panels.facts_of(found))),
    )


def _formats(name: str, shown: Mapping[str, Any], rest: str) -> Chart:
    rows: dict[str, list[float]] = {}
    for kind, (title, others) in _KINDS.items():
        totals: collections.Counter[str] = collections.Counter()
        for files in shown.values():
            totals.update(files[kind])
        commonest = [value for value, _ in totals.most_common(_ROWS_OF_A_KIND)]
        for value in commonest:
            rows[title.format(_MODES.get(value, value))] = _shares(shown, kind, [value])
        if rare := totals.keys() - set(commonest):
            rows[others] = _shares(shown, kind, rare)
    by_class = dict(zip(shown, zip(*rows.values(), strict=True), strict=True))
    return Chart(
        f"formats-{name}",
        "Format, mode and chroma of the source files",
        "Shares of each class. Bars of one row that differ in length are a shortcut." + rest,
        lambda figure: panels.shares(figure.subplots(), list(rows), by_class),
        0.5 + 0.15 * len(rows) * (1 + len(shown)),
    )


def _shares(shown: Mapping[str, Any], kind: str, values: Collection[str]) -> list[float]:
    """Returns for each class what percentage of its files has one of the values."""
    return [
        100 * sum(files[kind].get(value, 0) for value in values) / files["images"]
        for files in shown.values()
    ]


@contextlib.contextmanager
def _style(salt: str | None = None) -> Iterator[None]:
    style: Any = {**_STYLE, "svg.hashsalt": salt}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # Not each font has the letters of each class name; a page is shown with the reader's.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def _for_a_page(svg: str, title: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'<svg [^>]*(viewBox="[^"]*")[^>]*>',
        rf'<svg role="img" aria-label="{title}" \1>',
        svg,
        count=1,
    )
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg
