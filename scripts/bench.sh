#!/usr/bin/env bash
# Faro against its MPI peers and the machine's bounds, as ratios within each run. Needs a build with MPI (scripts/setup.sh).
#   scripts/bench.sh --quick     one shape on four ranks, seconds: the table of faro-bench itself
#   scripts/bench.sh             ranks x tokens, other routings, planning, JIT: markdown tables (ten minutes)
#   scripts/bench.sh --shapes    hidden sizes x top-k x dtypes: share of the bound for each (seven minutes)
#   scripts/bench.sh --all       both
#   scripts/bench.sh --nodes     across nodes: peers over UCX and MPI, on namespaces of this machine with links of 1 Gbit/s and
#                                without limit (14 minutes; needs root); --into fills the page's tables across nodes
#   scripts/bench.sh --device-jit    compile times for CUDA devices, none of which is needed (seconds); --into fills docs/cuda.md's
#   scripts/bench.sh --compare OLD   this project's figures in --out beside those in the folder OLD
#   scripts/bench.sh --check     no times: that all methods move the right rows, for shapes that are no multiple of anything
# Also: --build DIR (default: build), --out DIR (default: out/bench; one .json and one .txt a run, and tables.md),
#       --into FILE (puts the tables into that page, e.g. docs/performance.md).
# Exit status 1 when a run failed or a row was wrong; a missed budget is reported, and is no failure.
set -euo pipefail
trap 'exit 130' INT # a run that is interrupted ends as others do, and the next would begin
from=$PWD
cd "$(dirname "$0")/.."

build=build out='' into='' compare='' mode=sweep
while [ $# -gt 0 ]; do
  case $1 in
  --quick | --shapes | --all | --check | --nodes | --device-jit) mode=${1#--} ;;
  --build | --out | --into | --compare)
    [ $# -ge 2 ] || { echo "bench.sh: $1 needs a value" >&2; exit 2; }
    printf -v "${1#--}" %s "$2"
    [[ $2 = /* ]] || printf -v "${1#--}" %s "$from/$2"
    shift
    ;;
  *)
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  esac
  shift
done
if [ -z "$out" ]; then
  out=out/bench
  [ "$mode" != nodes ] || out=out/bench-nodes
  [ "$mode" != device-jit ] || out=out/bench-device-jit
fi
if [ -n "$compare" ]; then
  exec python3 scripts/bench_tables.py "$out" --compare "$compare"
fi
if [ -n "$into" ] && [ ! -w "$into" ]; then
  echo "bench.sh: --into $into: there is no such page, or it cannot be written" >&2
  exit 2
fi
bench=$build/bin/faro-bench
if [ ! -x "$bench" ]; then
  echo "bench.sh: $bench is not there. Build it with scripts/build.sh; it needs Open MPI (scripts/setup.sh installs it)." >&2
  exit 1
fi

# ob1 over vader (shared memory, one copy by CMA where the kernel allows it) is Open MPI's fastest way on one node.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mca=(${FARO_BENCH_MCA:---mca pml ob1 --mca btl vader,self --mca osc ^ucx})

# Where the system lets us, in namespaces of their own: no port is open to anybody, /dev/shm is as large as it must be, and
# nothing is left behind.
private=()
if unshare --map-root-user --net --mount bash -c 'ip link set lo up && mount -t tmpfs tmpfs /dev/shm' 2>/dev/null; then
  private=(unshare --map-root-user --net --mount bash -c
    'ip link set lo up && mount -t tmpfs -o size=95% tmpfs /dev/shm && exec "$@"' private)
fi

launch() { # ranks, arguments of faro-bench
  local ranks=$1
  shift
  "${private[@]}" mpirun --oversubscribe --bind-to none "${mca[@]}" -n "$ranks" "$bench" "$@"
}

if [ "$mode" = quick ]; then
  launch 4 --op all --tokens 256 --iterations 5
  exit
fi

if [ "$mode" = check ]; then
  launch 3 --tokens 33 --hidden 333 --dtype f32 --topk 3 --experts 7 --align 8 --iterations 1
  launch 2 --tokens 17 --hidden 1 --topk 2 --iterations 1
  launch 5 --tokens 8 --hidden 2887 --dtype f16 --topk 3 --experts 3 --routing zipf:1.2 --caches warm --iterations 1
  if ! why=$(scripts/nodes.sh -t 30 -- true 2>&1); then # in a container that may not make namespaces, too
    printf 'bench.sh: across nodes: not checked: %s\n' "${why:0:300}"
    exit
  fi
  # Ranks receive different numbers of rows, so their memory differs in size.
  scripts/nodes.sh -m -n 2 -p 2 -t 60 -- "$bench" --nodes --op all --routing zipf:1.2 --tokens 133 --hidden 301 --dtype f32 \
    --topk 3 --experts 7 --align 8 --iterations 1
  scripts/nodes.sh -n 3 -p 1 -t 60 -- "$bench" --nodes --tokens 17 --hidden 2887 --dtype f16 --routing group-limited \
    --iterations 1
  exit
fi

mkdir -p "$out"
failed=0
finish() { # which tables, as bench_tables.py calls them; ends the script
  python3 scripts/bench_tables.py "$out" "$@" | tee "$out/tables.md"
  if [ $failed = 1 ]; then
    [ -z "$into" ] || echo "bench.sh: $into is left as it is: a run failed" >&2
  elif [ -n "$into" ]; then
    python3 scripts/bench_tables.py "$out" "$@" --into "$into"
  fi
  exit $failed
}
across() { # nodes x ranks of each @ rate, arguments of faro-bench
  local nodes=${1%%x*} rest=${1#*x}
  shift
  scripts/nodes.sh -m -n "$nodes" -p "${rest%@*}" -r "${rest#*@}" -t 600 -- "$bench" --nodes "$@"
}

run() { # name, ranks (0: without mpirun), arguments
  local name=$1 ranks=$2
  shift 2
  printf '%s  %s\n' "$(date +%H:%M:%S)" "$name" >&2
  if [ "$ranks" = 0 ]; then
    set -- "$bench" "$@"
  elif [[ $ranks = *x* ]]; then # nodes x ranks of each @ rate
    set -- across "$ranks" "$@"
  else
    set -- launch "$ranks" "$@"
  fi
  rm -f "$out/$name.json"
  if ! "$@" --json "$out/$name.json" >"$out/$name.txt" 2>"$out/$name.err"; then
    echo "bench.sh: $name failed:" >&2
    tail -n 5 "$out/$name.txt" "$out/$name.err" >&2
    failed=1
  fi
}

if [ "$mode" = nodes ]; then
  [ "$(id -u)" = 0 ] || { echo "bench.sh: --nodes needs root: it makes network namespaces" >&2; exit 1; }
  shaped() { # name, nodes x ranks, iterations, arguments
    local name=$1 shape=$2 iterations=$3
    shift 3
    run "nodes.$shape.1gbit.$name" "$shape@1gbit" --op all --tokens 1024 --iterations "$iterations" "$@"
  }
  shaped uniform 2x2 9
  run nodes.2x2.none.uniform 2x2@none --op all --tokens 1024 --iterations 11
  shaped single-node 2x2 9 --routing single-node
  shaped bimodal 2x2 3 --routing bimodal
  shaped uniform 4x2 3
  shaped real-like 4x2 3 --routing group-limited
  run nodes.plan 2x2@1gbit --op plan --methods faro --tokens 4096 --experts 256 --iterations 3
  finish --nodes
fi

if [ "$mode" = device-jit ]; then
  for architecture in sm_80 sm_90 sm_100; do
    run "jit.$architecture" 0 --op jit --device "cuda:$architecture" --experts 256 --align 128
  done
  finish --device-jit
fi

iterations() { # tokens: fewer where each takes longer
  case $1 in
  256) echo 21 ;;
  1024) echo 11 ;;
  *) echo 5 ;;
  esac
}

if [ "$mode" != shapes ]; then
  run jit 0 --op jit
  for ranks in 2 4 8; do
    for tokens in 256 1024 4096; do
      for op in dispatch combine; do
        run "$op.R$ranks.T$tokens" $ranks --op $op --tokens $tokens --iterations "$(iterations $tokens)"
      done
    done
    run "plan.R$ranks" $ranks --op plan --tokens 4096 --experts 256 --iterations 5
  done
  # Every second row or so is padding.
  for ranks in 2 4 8; do
    run "aligned.dispatch.R$ranks.T1024" $ranks --op dispatch --tokens 1024 --experts 256 --align 128 --iterations 7
  done
  for routing in zipf:1.2 single-node bimodal; do
    for op in dispatch combine; do
      run "$op.${routing/:/}" 4 --op $op --tokens 1024 --routing $routing --iterations 11
    done
  done
fi

if [ "$mode" != sweep ]; then
  shape() { # hidden, topk, dtype
    run "shape.$3.H$1.K$2" 4 --op all --methods faro,limits --tokens 1024 --hidden "$1" --topk "$2" --dtype "$3" \
      --iterations 11
  }
  for hidden in 1 7 2880 3584 4096 5120 7168 8192; do
    for topk in 1 2 4 6 8 16; do
      shape $hidden $topk bf16
    done
    shape $hidden 8 f16
    shape $hidden 8 f32
  done
fi

finish
