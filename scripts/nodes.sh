#!/usr/bin/env bash
# Nodes on one machine, to try programs across nodes without having any: starts a command once per rank, in network
# namespaces on a bridge, with torchrun's variables in the environment.
#   scripts/nodes.sh [-n NODES] [-p RANKS] [-l LINKS] [-r RATE] [-t SECONDS] [-g SECONDS] [--] COMMAND [ARGUMENTS]
#     -n 2       nodes
#     -p 2       ranks of each node; a list such as 3,1 for nodes of different sizes (then -n is its length)
#     -l 1       links of each node, each to a network of its own
#     -r none    rate of each link, both ways: what tc takes, such as 1gbit or 500mbit
#     -t 300     after that many seconds everything is ended (exit status 124)
#     -g 20      when a rank fails, how long the others may go on
#     -m         started by mpirun (Open MPI over tcp) in place of this script; MPI programs work across the nodes then
# Each rank sees RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE GROUP_RANK NODE_RANK NNODES MASTER_ADDR MASTER_PORT
# FARO_JOB_SECRET, UCX_NET_DEVICES (its node's devices) and FARO_LINK_MBIT (of its links together; 0: no limit). A node has
# its own network, host name, System V IPC, /dev/shm and /sys, so neither shared memory nor a look at the devices crosses from
# one to another.
# Exit status: 0 only if every rank's was. Needs root, for it makes namespaces; touches no interface and no address of the host.
#
#   this script ── waits, passes signals on
#     └─ init of a PID namespace, in the network namespace of the bridge: makes the nodes, starts the ranks
#          ├─ holder of node 0: its namespaces live as long as it does
#          ├─ holder of node 1 ...
#          └─ ranks, each inside its node's namespaces
# No namespace has a name: when init ends, for whatever reason, the kernel ends everything in the PID namespace, and
# interfaces, namespaces and shared memory go with the last process. There is nothing to clean up.
set -uo pipefail

subnet=10.77 # .LINK.NODE
usage() {
  sed -n '2,17s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
fail() {
  echo "nodes.sh: $*" >&2
  exit 3
}
must() { "$@" || fail "failed: $*"; }
inside() { # holder, command: in that node's namespaces
  local holder=$1
  shift
  nsenter --target "$holder" --net --mount --ipc --uts --wd="$PWD" -- "$@"
}

# ---- mpirun's "remote shell": ADDRESS COMMAND. The nodes' holders are in FARO_NODE_HOLDERS.
if [ "${1:-}" = --enter ]; then
  read -ra holders <<<"$FARO_NODE_HOLDERS"
  address=$2
  shift 2
  inside "${holders[${address##*.} - 1]}" sh -c "$*"
  exit
fi

nodes=2 sizes=2 links=1 rate=none limit=300 grace=20 mpi=0
while getopts n:p:l:r:t:g:mh flag; do
  case $flag in
  n) nodes=$OPTARG ;;
  p) sizes=$OPTARG ;;
  l) links=$OPTARG ;;
  r) rate=$OPTARG ;;
  t) limit=$OPTARG ;;
  g) grace=$OPTARG ;;
  m) mpi=1 ;;
  *) usage ;;
  esac
done
arguments=("$@")
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
for number in "$nodes" "$links" "$limit" "$grace"; do
  [[ $number =~ ^(0|[1-9][0-9]{0,5})$ ]] || fail "-n, -l, -t and -g: expected a number, found '$number'"
done
[ "$links" -ge 1 ] && [ "$links" -le 16 ] || fail "-l $links: expected 1 to 16"
[[ $sizes =~ ^[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})*$ ]] || fail "-p '$sizes': expected a number of ranks, or a list such as 3,1"
IFS=, read -ra size <<<"$sizes"
if [ ${#size[@]} -eq 1 ]; then
  for ((n = 1; n < nodes; n++)); do size[n]=${size[0]}; done
else
  nodes=${#size[@]}
fi
[ "$nodes" -ge 1 ] && [ "$nodes" -le 250 ] || fail "-n $nodes: expected 1 to 250"
[[ $rate =~ ^(none|[0-9]*\.?[0-9]+[gmk]bit)$ ]] || fail "-r '$rate': expected none, or a rate such as 1gbit"

# ---- outside: start init, pass signals on
if [ "${FARO_NODES_INIT:-}" != $$ ] && [ -z "${FARO_NODES_INSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || fail "needs root: it makes network namespaces (sudo $0 ...)"
  for tool in ip tc nsenter unshare setpriv; do
    command -v "$tool" >/dev/null || fail "'$tool' is not there (Debian: apt-get install iproute2 util-linux)"
  done
  # --kill-child and pdeathsig: whichever of the three processes dies, so do those below it.
  FARO_NODES_INSIDE=1 setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount --mount-proc --net \
    "$BASH" "$0" "${arguments[@]}" &
  init=$!
  trap 'kill -KILL $init 2>/dev/null; exit 130' INT
  trap 'kill -KILL $init 2>/dev/null; exit 143' TERM HUP
  wait $init
  exit
fi
unset FARO_NODES_INSIDE

# ---- inside: a bridge for each link, and on it a pair of interfaces for each node
mbit=$(awk -v r="$rate" 'BEGIN { v = r + 0; print r ~ /gbit$/ ? v * 1000 : r ~ /mbit$/ ? v : r ~ /kbit$/ ? v / 1000 : 0 }')
[ "$rate" = none ] || [ "$mbit" != 0 ] || fail "-r $rate: expected none, or a rate such as 1gbit"
# tbf counts whole packets before they are cut (up to 64 KiB), so its burst must be larger than one.
shape() { # device, command prefix
  local device=$1
  shift
  [ "$rate" = none ] || must "$@" tc qdisc add dev "$device" root tbf rate "$rate" burst 128kb latency 100ms
}

must ip link set lo up
for ((l = 0; l < links; l++)); do
  must ip link add "br$l" type bridge
  must ip link set "br$l" up
done
holders=()
for ((n = 0; n < nodes; n++)); do
  # What is mounted for a node is seen by nobody else. sysfs shows the network devices of whoever mounts it.
  unshare --net --ipc --uts --mount --propagation private sh -c "hostname node$n && mount -t sysfs sysfs /sys &&
    mount -t tmpfs -o size=95% tmpfs /dev/shm && : >/dev/shm/.ready && exec sleep infinity" &
  holders[n]=$!
done
ready() { # holder
  for ((i = 0; i < 100; i++)); do
    [ -e "/proc/$1/root/dev/shm/.ready" ] && [ ! -e /dev/shm/.ready ] && return
    sleep 0.05
  done
  return 1
}
for ((n = 0; n < nodes; n++)); do
  must ready "${holders[n]}"
  rm -f "/proc/${holders[n]}/root/dev/shm/.ready"
  must inside "${holders[n]}" ip link set lo up
  for ((l = 0; l < links; l++)); do
    must ip link add "port$n.$l" type veth peer name "link$l" netns "${holders[n]}"
    must ip link set "port$n.$l" master "br$l" up
    must inside "${holders[n]}" ip addr add "$subnet.$l.$((n + 1))/24" dev "link$l"
    must inside "${holders[n]}" ip link set "link$l" up
    shape "link$l" inside "${holders[n]}" # what the node sends
    shape "port$n.$l"                     # what it receives
  done
done
# A bridge port forwards nothing in its first moments.
for ((n = 1; n < nodes; n++)); do
  reached() {
    for ((i = 0; i < 100; i++)); do
      # Nobody listens there, so whoever is reached says no at once.
      [[ $(inside "${holders[n]}" timeout 1 bash -c "exec 3<>/dev/tcp/$subnet.$l.1/9" 2>&1) == *refused* ]] && return
      sleep 0.05
    done
    return 1
  }
  for ((l = 0; l < links; l++)); do must reached; done
done

# ---- ranks
world=0
for s in "${size[@]}"; do world=$((world + s)); done
FARO_JOB_SECRET=${FARO_JOB_SECRET:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
export FARO_JOB_SECRET WORLD_SIZE=$world NNODES=$nodes MASTER_ADDR=$subnet.0.1 MASTER_PORT=29500
devices=link0
for ((l = 1; l < links; l++)); do devices+=,link$l; done
export UCX_NET_DEVICES=$devices FARO_LINK_MBIT
FARO_LINK_MBIT=$(awk -v m="$mbit" -v l="$links" 'BEGIN { print m * l }')
started=0 node_of=()
reports=$(mktemp -u) # "RANK STATUS", from whoever ends
must mkfifo "$reports"
exec 3<>"$reports"
rm "$reports"
start() { # node, local rank, command
  local n=$1 l=$2 r=$started
  shift 2
  (
    RANK=$r LOCAL_RANK=$l LOCAL_WORLD_SIZE=${size[n]} GROUP_RANK=$n NODE_RANK=$n \
      nsenter --target "${holders[n]}" --net --mount --ipc --uts --wd="$PWD" -- "$@" 3>&-
    echo "$r $?" >&3
  ) &
  node_of[r]=$n started=$((r + 1))
}
if [ $mpi = 1 ]; then
  export FARO_NODE_HOLDERS="${holders[*]}" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  hosts=''
  for ((n = 0; n < nodes; n++)); do hosts+=,$subnet.0.$((n + 1)):${size[n]}; done
  # All nodes share this machine's cores, which mpirun cannot see: who waits has to yield.
  # mpirun gives rank and size; the wrapper says the rest in torchrun's words.
  # shellcheck disable=SC2016
  wrapper='export RANK=$OMPI_COMM_WORLD_RANK LOCAL_RANK=$OMPI_COMM_WORLD_LOCAL_RANK LOCAL_WORLD_SIZE=$OMPI_COMM_WORLD_LOCAL_SIZE
    node=$(hostname); export NODE_RANK=${node#node} GROUP_RANK=${node#node}; exec "$@"'
  variables=()
  for v in WORLD_SIZE NNODES MASTER_ADDR MASTER_PORT FARO_JOB_SECRET UCX_NET_DEVICES FARO_LINK_MBIT; do variables+=(-x "$v"); done
  start 0 0 mpirun --host "${hosts#,}" --bind-to none --map-by slot --mca plm_rsh_agent "$(realpath "$0") --enter" \
    --mca mpi_yield_when_idle 1 --mca btl_tcp_if_include "$devices" --mca oob_tcp_if_include link0 --mca pml ob1 --mca btl vader,tcp,self --mca osc ^ucx \
    "${variables[@]}" sh -c "$wrapper" sh "$@"
else
  for ((n = 0; n < nodes; n++)); do
    for ((l = 0; l < size[n]; l++)); do start $n $l "$@"; done
  done
fi

# Whoever ends first is heard first. The limit comes nearer once a rank has failed.
status=0 left=$started end=$((SECONDS + limit)) why="$limit s are over (-t)"
while [ $left -gt 0 ]; do
  if [ $SECONDS -ge $end ] || ! read -r -t $((end - SECONDS)) -u 3 r code; then
    [ $SECONDS -ge $end ] || continue
    echo "nodes.sh: $why: $left of $started ranks are ended" >&2
    [ $status = 0 ] && status=124
    break
  fi
  left=$((left - 1))
  [ "$code" = 0 ] && continue
  if [ $mpi = 1 ]; then
    echo "nodes.sh: mpirun: exit status $code" >&2
  else
    echo "nodes.sh: rank $r (node ${node_of[r]}): exit status $code" >&2
  fi
  if [ $status = 0 ] && [ $((SECONDS + grace)) -lt $end ]; then
    end=$((SECONDS + grace)) why="$grace s after the first failure (-g)"
  fi
  status=1
done
exit $status
