#!/usr/bin/env bash
# Makes the command line of Azure, for the tests of the control plane, in the cache; prints its path.
# usage: azure-cli.sh     (a minute, once, and 750 MB; what is there stays)
set -euo pipefail
home="${XDG_CACHE_HOME:-$HOME/.cache}/arcwright/azure-cli"
if ! "$home/bin/az" version >/dev/null 2>&1; then
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/pip" install --quiet --disable-pip-version-check azure-cli==2.91.0 >&2 || { rm -rf "$home"; exit 1; }
fi
echo "$home/bin/az"
