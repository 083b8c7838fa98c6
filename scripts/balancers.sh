#!/usr/bin/env bash
# The tables of docs/balancers.md: how close each balancer comes to the lower bound, what it moves, what planning costs.
#   scripts/balancers.sh             prints them (two minutes on one core)
#   scripts/balancers.sh --quick     the same with few draws of small batches, seconds
# Also: --build DIR (default: build), --into FILE (puts the tables into that page, e.g. docs/balancers.md).
# Exit status 1 when capped blend is further from the bound than it promises.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."

build=build into='' quick=()
while [ $# -gt 0 ]; do
  case $1 in
  --quick) quick=(--quick) ;;
  --build | --into)
    [ $# -ge 2 ] || { echo "balancers.sh: $1 needs a value" >&2; exit 2; }
    printf -v "${1#--}" %s "$2"
    [[ $2 = /* ]] || printf -v "${1#--}" %s "$from/$2"
    shift
    ;;
  *)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  esac
  shift
done
for tool in balancer_table planning_table; do
  if [ ! -x "$build/bin/$tool" ]; then
    echo "balancers.sh: $build/bin/$tool is not there. Build it with scripts/build.sh." >&2
    exit 1
  fi
done

text=$(
  printf 'Machine: %s, one core.\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
  "$build/bin/balancer_table" "${quick[@]}"
  printf '\n### What planning costs one rank\n\n'
  "$build/bin/planning_table"
)
printf '%s\n' "$text"
[ -n "$into" ] || exit 0
TEXT=$text python3 - "$into" <<'PYTHON'
import os, pathlib, sys
begin, end = "<!-- tables -->", "<!-- end of tables -->"
page = pathlib.Path(sys.argv[1])
old = page.read_text()
if begin not in old or end not in old:
    sys.exit(f"balancers.sh: {page} has no marks {begin} and {end}")
head, tail = old.split(begin)[0], old.split(end)[1]
page.write_text(f"{head}{begin}\n{os.environ['TEXT'].strip()}\n{end}{tail}")
PYTHON
