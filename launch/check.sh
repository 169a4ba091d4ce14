#!/usr/bin/env bash
# Checks everything: format, lint, types, tests. Arguments go to pytest.
#
#   bash launch/check.sh
#   bash launch/check.sh tests/trainer -k checkpoint
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/environment.sh
make_environment requirements-test.lock

"$VENV/ruff" format --check .
"$VENV/ruff" check .
"$VENV/mypy"
# Three processes share the tests, also on two cores: some tests wait. Each starts TensorFlow once.
"$VENV/python" -m pytest --numprocesses=3 --dist=loadfile "$@"
