# Makes .venv from a lock file; sourced by the scripts beside it, in the root of the repository.

VENV=.venv/bin

# Tells whether an interpreter can run this project.
is_supported() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Prints the first interpreter that can run this project; only that of $PYTHON, if there is one.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    if is_supported "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "No Python 3.11, 3.12 or 3.13 was found${PYTHON:+ as $PYTHON}. Install one, or name it: PYTHON=/path/to/python3.12 bash $0" >&2
  return 4
}

# Prints what .venv has to hold: the lock, and the packages for the interpreter that is in it.
wanted() {
  echo "$1 $(cat "launch/$1" setup.py | cksum) $("$VENV/python" --version 2>&1)"
}

# make_environment LOCK: installs the lock's packages and this project, unless they are there.
make_environment() {
  local lock=$1 python
  if [[ -f .venv/installed ]] && grep -qxF "$(wanted "$lock")" .venv/installed; then
    return
  fi
  # Not so one that was left half made, or whose interpreter is gone or another one.
  if ! is_supported "$VENV/python" || ! "$VENV/python" -m pip --version > /dev/null 2>&1; then
    python=$(find_python) || exit
    echo "Making .venv with $("$python" --version)."
    if ! "$python" -m venv --clear .venv; then
      echo "Python cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)." >&2
      exit 4
    fi
  fi
  echo "Installing the packages of launch/$lock. The first time takes some minutes."
  if ! install_packages "$lock"; then
    echo "The packages cannot be installed; see above. Run the same command again to go on." >&2
    exit 4
  fi
  wanted "$lock" >> .venv/installed
}

# Installs the lock's packages; those that an earlier try has installed stay.
install_packages() {
  local pip=("$VENV/python" -m pip install --quiet --disable-pip-version-check)
  "${pip[@]}" --require-hashes --requirement "launch/$1" &&
    "${pip[@]}" --no-deps --no-build-isolation --editable .
}
