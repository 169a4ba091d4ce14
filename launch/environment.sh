# Makes .venv from a lock file; sourced by the scripts beside it, in the root of the repository.

VENV=.venv/bin

# Prints the first interpreter that can run this project.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
        2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "No Python 3.11, 3.12 or 3.13 was found. Install one, or name it: PYTHON=/path/to/python3.12 bash $0" >&2
  exit 4
}

# make_environment LOCK: installs the lock's packages and this project, unless they are there.
make_environment() {
  local lock=$1 wanted python
  wanted=$(cat "launch/$lock" setup.py | cksum)
  # Either lock will do for the smaller one's sake: that with the tests holds the other whole.
  if [[ -f .venv/installed ]] && grep -qxF "$lock $wanted" .venv/installed; then
    return
  fi
  if ! [[ -x $VENV/python ]]; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version)."
    if ! "$python" -m venv .venv; then
      echo "Python cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)." >&2
      exit 4
    fi
  fi
  echo "Installing the packages of launch/$lock. The first time takes some minutes."
  if ! "$VENV/python" -m pip install --quiet --disable-pip-version-check \
      --require-hashes --requirement "launch/$lock"; then
    echo "The packages cannot be installed; see above. Run the same command again to go on." >&2
    exit 4
  fi
  "$VENV/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --editable .
  echo "$lock $wanted" >> .venv/installed
}
