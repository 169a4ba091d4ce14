#!/usr/bin/env bash
# Builds the embedded sample and trains on it, from a fresh clone: needs Python and nothing else.
#
#   bash launch/quickstart.sh
#
# PYTHON chooses the interpreter (3.11, 3.12 or 3.13). A second run is quick: what is there stays.
set -euo pipefail
if (($#)); then
  echo "bash launch/quickstart.sh takes no words, and starts a training at once. Received: $*" >&2
  exit 2
fi
cd "$(dirname "$0")/.."
source launch/environment.sh
make_environment requirements.lock

"$VENV/python" -m data_pipeline.build
"$VENV/python" -m trainer.main --strategy=mirrored

cat <<END

Look at the run:  $VENV/tensorboard --logdir=runs
Open the report:  $PWD/runs/sample_label_cnn/report.html
END
