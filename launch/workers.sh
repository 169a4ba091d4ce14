#!/usr/bin/env bash
# Trains with several worker processes, --strategy=multi_worker_mirrored; each gets its TF_CONFIG here.
#
# On this machine, to try it:                 bash launch/workers.sh 2 --dataset=my_faces --epochs=3
# In a SLURM job, a task for each machine:    srun bash launch/workers.sh --dataset=my_faces --epochs=3
#
# All workers read the same dataset from --data_dir; the first one alone writes to --run_dir. A lost
# worker ends the others with exit code 75: the same command goes on from the last checkpoint.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

if [[ -n ${SLURM_PROCID:-} ]]; then
  mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
  workers=("${hosts[@]/%/:${PORT:-2222}}")
else
  number=${1:?the number of workers, then the flags of trainer.main}
  shift
  mapfile -t workers < <("$python" -c "
import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range($number)]
print(*(f'127.0.0.1:{each.getsockname()[1]}' for each in sockets), sep='\n')")
fi
list=$(printf ',"%s"' "${workers[@]}")

train() {  # index, flags
  local index=$1
  shift
  export TF_CONFIG="{\"cluster\": {\"worker\": [${list:1}]}, \"task\": {\"type\": \"worker\", \"index\": $index}}"
  exec "$python" -m trainer.main --strategy=multi_worker_mirrored "$@"
}

if [[ -n ${SLURM_PROCID:-} ]]; then
  train "$SLURM_PROCID" "$@"
fi

processes=()
for index in "${!workers[@]}"; do
  train "$index" "$@" &
  processes+=($!)
done
trap 'kill -TERM "${processes[@]}" 2>/dev/null' TERM INT

# Of several ends that differ the one that says most: 0 if all is well, 75 if some lost another.
code=0
for process in "${processes[@]}"; do
  while :; do
    own=0
    wait "$process" || own=$?
    kill -0 "$process" 2>/dev/null || break  # else a signal has ended the wait, not the worker
  done
  if ((own && (code == 0 || code == 75))); then code=$own; fi
done
exit "$code"
