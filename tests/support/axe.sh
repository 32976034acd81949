#!/usr/bin/env bash
# Gets axe-core, which looks for what keeps people out of a page, in the cache; prints its path.
# usage: axe.sh     (seconds, once; what is there stays)
set -euo pipefail
home="${XDG_CACHE_HOME:-$HOME/.cache}/arcwright/axe"
file="$home/node_modules/axe-core/axe.min.js"
if [ ! -s "$file" ]; then
  mkdir -p "$home"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$home" axe-core@4.14.1 >&2
fi
echo "$file"
