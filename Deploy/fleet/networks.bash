# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# With --namespaces every relay is in a network namespace of its own, from which two ways lead here. Sourced by `fleet`.
#
#   here                         veth                    relayN
#   BACK   PostgreSQL, RabbitMQ ------- NET.1N, which it asks them from
#   FRONT  NGINX ---------------------- NET.2N, where it listens
#
# The addresses are of a range that is for tests of networks (RFC 2544) and is nobody's on the internet. Each namespace
# lives as long as a process that holds it, and everything in it goes with it.

# A range that nobody here has. BACK and FRONT follow from it.
network_choose() {
  local used
  used=$(ip -4 -o address && ip -4 route)
  while NET=198.$((18 + RANDOM % 2)).$((RANDOM % 256)); do
    if [[ $used != *[[:space:]]"$NET."* ]]; then break; fi
  done
}

network_back() { echo "$NET.1"; }
network_front() { echo "$NET.2"; }
relay_back() { echo "$NET.1${1#relay}"; }
relay_front() { echo "$NET.2${1#relay}"; }
# At most 15 characters, and no other fleet's.
relay_link() { local net=${NET#198.}; echo "sotto${net/./-}r${1#relay}"; }

# Where the servers are for a relay, and NGINX, and where a relay listens.
servers_host() { if [[ $NAMESPACES == 1 ]]; then network_back; else echo 127.0.0.1; fi; }
nginx_host() { if [[ $NAMESPACES == 1 ]]; then network_front; else echo 127.0.0.1; fi; }
relay_host() { if [[ $NAMESPACES == 1 ]]; then relay_front "$1"; else echo 127.0.0.1; fi; }

# Runs a command where a relay is. Usage: at RELAY COMMAND...
at() {
  local relay=$1
  shift
  if [[ $NAMESPACES == 1 ]]; then nsenter --net="/proc/$(pid "$relay.network")/ns/net" "$@"; else "$@"; fi
}

network_check() {
  if [[ $(id -u) == 0 ]] && unshare --net ip link add first type veth peer name second 2>/dev/null; then return 0; fi
  refuse 77 "No networks can be made here." "--namespaces gives every relay one of its own; nothing was started." \
    "Run it as root where the kernel lets root do so, or without --namespaces."
}

network_make() {
  local relay=$1 link
  link=$(relay_link "$relay")
  launch "$relay.network" - unshare --net sleep infinity
  await "$relay.network" network_is_apart "$relay"
  {
    ip link add "$link" type veth peer name fleet netns "$(pid "$relay.network")" &&
      ip address add "$(network_back)" peer "$(relay_back "$relay")" dev "$link" &&
      ip address add "$(network_front)" peer "$(relay_front "$relay")" dev "$link" &&
      ip link set "$link" up &&
      at "$relay" ip link set lo up &&
      at "$relay" ip address add "$(relay_back "$relay")" peer "$(network_back)" dev fleet &&
      at "$relay" ip address add "$(relay_front "$relay")" peer "$(network_front)" dev fleet &&
      at "$relay" ip link set fleet up
  } || refuse 77 "The network of $relay cannot be made." "Above is what ip says." "Bring the fleet up without --namespaces."
}

network_is_apart() { [[ $(readlink "/proc/$(pid "$1.network")/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }

network_end() {
  if [[ $NAMESPACES != 1 ]]; then return 0; fi
  ip link delete "$(relay_link "$1")" 2>/dev/null || true
  end "$1.network"
}

# From here on every packet goes to a machine that is not there, in both directions, and nobody is told.
# Usage: network_cut RELAY [store]
network_cut() {
  network_lose "$1" "$(network_back)" "$(relay_back "$1")"
  if [[ ${2:-} != store ]]; then network_lose "$1" "$(network_front)" "$(relay_front "$1")"; fi
}

network_lose() {
  ip neighbour replace "$3" lladdr 02:00:00:00:00:00 nud permanent dev "$(relay_link "$1")"
  at "$1" ip neighbour replace "$2" lladdr 02:00:00:00:00:00 nud permanent dev fleet
}

network_mend() {
  ip neighbour flush nud permanent dev "$(relay_link "$1")"
  at "$1" ip neighbour flush nud permanent dev fleet
}
