"""Options of Apache Beam, read strictly: Beam itself passes over those that it does not know."""

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from apache_beam.options import pipeline_options
from apache_beam.runners import runner
from apache_beam.runners.portability import portable_runner

from data_pipeline.config import BuildConfig
from tfrecords import exits


class Options(pipeline_options.PipelineOptions):
    """Options of Beam. A job server has more of them, and tells them when a job is prepared."""

    def get_all_options(
        self,
        *args: Any,
        add_extra_args_fn: Callable[[Any], None] | None = None,
        retain_unknown_options: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Returns all options.

        Raises:
          UsageError: some are unknown to Beam and to the job server, whose options
            `add_extra_args_fn` adds to a parser.
        """
        if add_extra_args_fn and not retain_unknown_options:
            _refuse_unknown(_parser(add_extra_args_fn), self._flags)
        return super().get_all_options(
            *args,
            add_extra_args_fn=add_extra_args_fn,
            retain_unknown_options=retain_unknown_options,
            **kwargs,
        )


def parse(flags: Sequence[str]) -> Options:
    """Parses Beam's options.

    Raises:
      UsageError: an option is unknown or has no such values, or there is no such runner. Unknown
        options of runners with a job server are refused by `Options`, once it can be asked.
      MachineError: what the runner needs is not installed.
    """
    known, _ = _parser().parse_known_args(flags)
    is_portable = known.runner is not None and _is_portable(known.runner, known.job_endpoint)
    if not is_portable:
        # A parser anew, as a runner's module may have brought options of its own.
        _refuse_unknown(_parser(), flags)
    return Options(flags)


def has_runner(options: Options) -> bool:
    """Tells whether a runner was chosen."""
    return options.view_as(pipeline_options.StandardOptions).runner is not None


def job_endpoint(options: Options) -> str | None:
    """Returns where the job server listens, if there is one."""
    return options.view_as(pipeline_options.PortableOptions).job_endpoint


def _parser(add_more: Callable[[Any], None] = lambda parser: None) -> Any:
    """Returns a parser of all options that Beam knows by now, and of more."""
    parsers: list[Any] = []
    empty = pipeline_options.PipelineOptions([])
    empty.get_all_options(add_extra_args_fn=parsers.append)
    parser = parsers[0]
    add_more(parser)
    parser.error = _refuse  # its own would print hundreds of options
    return parser


def _is_portable(name: str, endpoint: str | None) -> bool:
    try:
        chosen = runner.create_runner(name)
    except (ValueError, AttributeError) as error:
        _refuse(str(error))
    except ImportError as error:
        raise exits.MachineError(f"Beam cannot load --runner={name}: {error}.") from error
    if type(chosen) is portable_runner.PortableRunner and not endpoint:
        _refuse(f"--runner={name} needs the --job_endpoint of a job server.")
    return isinstance(chosen, portable_runner.PortableRunner)


def _refuse_unknown(parser: Any, flags: Sequence[str]) -> None:
    known, unknown = parser.parse_known_args(flags)
    if not unknown:
        return
    first = unknown[0].partition("=")[0]
    if first.removeprefix("--") in {field.name for field in dataclasses.fields(BuildConfig)}:
        _refuse(f"{first} is a flag of the build. Put it before the --.")
    names = [f"--{name}" for name in vars(known)]
    close = difflib.get_close_matches(first, names, n=1)
    _refuse(f"unknown: {' '.join(unknown)}." + (f" Did you mean {close[0]}?" if close else ""))


def _refuse(message: str) -> NoReturn:
    raise exits.UsageError(f"Beam refuses its options, those after the --: {message}")
