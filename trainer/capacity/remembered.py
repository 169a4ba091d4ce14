"""The micro-batches at which memory sufficed, kept from run to run in the user's cache directory.

The file may be deleted at any time. A size costs some seconds to find again, and nothing else.
"""

import contextlib
import json
import os
import pathlib


def default_path() -> pathlib.Path:
    """Returns where the sizes are kept: see the XDG base directory specification."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(cache).expanduser() / "deepfake_trainer" / "micro_batches.json"


def read(key: str, path: pathlib.Path) -> int | None:
    """Returns the size kept under a key, or None."""
    size = _read_all(path).get(key)
    return size if isinstance(size, int) and size > 0 else None


def write(key: str, size: int, path: pathlib.Path) -> None:
    """Keeps a size under a key; a cache that cannot be written to is done without."""
    content = json.dumps({**_read_all(path), key: size}, indent=2, sort_keys=True) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)


def _read_all(path: pathlib.Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, closed, or damaged
        return {}
    return content if isinstance(content, dict) else {}
