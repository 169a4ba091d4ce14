#!/usr/bin/env bash
# Trains with several worker processes, --strategy=multi_worker_mirrored; each gets its TF_CONFIG here.
#
# On this machine, to try it:                 bash launch/workers.sh 2 --dataset=my_faces --epochs=3
# In a SLURM job, a task for each machine:    srun bash launch/workers.sh --dataset=my_faces --epochs=3
#
# All workers read the same dataset from --data_dir; the first one alone writes to --run_dir. A lost
# worker ends the others with exit code 75: the same command goes on from the last checkpoint.
# PYTHON chooses the interpreter, PORT the port of each machine of a SLURM job.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

fail() {  # exit code, words
  echo "launch/workers.sh: $2" >&2
  exit "$1"
}

if [[ -n ${SLURM_PROCID:-} ]]; then
  # A port of its own for each job: those of several may share a machine.
  port=${PORT:-$((10000 + ${SLURM_JOB_ID:-0} % 20000))}
  nodes=${SLURM_STEP_NODELIST:-$SLURM_JOB_NODELIST}
  hosts=$(scontrol show hostnames "$nodes") || fail 4 "scontrol does not know the machines $nodes."
  mapfile -t workers < <(sed "s/\$/:$port/" <<< "$hosts")
  if ((${SLURM_NTASKS:-${#workers[@]}} != ${#workers[@]})); then
    fail 2 "each machine must have one task. Received: $SLURM_NTASKS tasks on ${#workers[@]} machines. \
Use --ntasks-per-node=1."
  fi
else
  [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || fail 2 "the number of workers comes first, as in \
bash launch/workers.sh 2 --dataset=my_faces. Received: ${1:-nothing}."
  addresses=$("$python" -c "
import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range($1)]
print(*(f'127.0.0.1:{each.getsockname()[1]}' for each in sockets), sep='\n')") || fail 4 "$python does not find free ports."
  mapfile -t workers <<< "$addresses"
  shift
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

left=()  # the processes that have not ended, by their index
is_stopping=
stop() {
  is_stopping=1
  kill -TERM "${left[@]}" 2>/dev/null || true
}
trap stop TERM INT

# Each worker in a process group of its own: a Ctrl-C comes to them from here alone, and once, as a
# second signal would end them without saving.
set -m
for index in "${!workers[@]}"; do
  if [[ -n $is_stopping ]]; then break; fi
  train "$index" "$@" &
  left[index]=$!
done
set +m

# Of several ends that differ the one that says most: 0 if all is well, 75 if some lost another.
code=0
is_ending=
ends_at=
for ((;;)); do
  for index in "${!left[@]}"; do
    if kill -0 "${left[index]}" 2>/dev/null; then continue; fi
    own=0
    wait "${left[index]}" || own=$?
    unset "left[index]"
    if ((own == 0)); then continue; fi
    if [[ -z $is_ending ]] && ((code == 0 || code == 75)); then code=$own; fi
    # The others would wait for it. With 75 they mostly leave, too: they save, or have lost it.
    if [[ -z $is_stopping$is_ending ]]; then
      why="worker $index has ended with exit code $own"
      ends_at=$((own == 75 ? SECONDS + 60 : SECONDS))
    fi
  done
  if ((${#left[@]} == 0)); then break; fi
  if [[ -n $ends_at ]] && ((SECONDS >= ends_at)); then
    if [[ -z $is_ending ]]; then
      is_ending=1
      ends_at=$((SECONDS + 45))  # a supervisor gives its training 30 of these
      echo "launch/workers.sh: $why, and the others are ended." >&2
      kill -TERM "${left[@]}" 2>/dev/null || true
    else
      kill -KILL "${left[@]/#/-}" 2>/dev/null || true  # the whole of their process groups
    fi
  fi
  sleep 0.2 || true  # Ctrl-C ends it
done
exit "$code"
