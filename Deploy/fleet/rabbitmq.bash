# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# RabbitMQ: one node, or several that are a cluster, with an epmd of their own, that nobody beyond this machine can reach.
# Sourced by `fleet`.

# One is `rabbitmq`; of several each has its number.
brokers() {
  local i
  if [[ $BUS == 1 && $BROKERS == 1 ]]; then echo rabbitmq; fi
  if [[ $BUS == 1 && $BROKERS != 1 ]]; then
    for ((i = 1; i <= BROKERS; i++)); do echo "rabbitmq$i"; done
  fi
}

broker_number() { local number=${1#rabbitmq}; echo "${number:-1}"; }
broker_port() { local name; name=RABBITMQ$(broker_number "$1")_PORT; echo "${!name}"; }
broker_distribution() { local name; name=RABBITMQ$(broker_number "$1")_DISTRIBUTION; echo "${!name}"; }
broker_node() { echo "sotto${1#rabbitmq}@localhost"; }

rabbitmq_make() {
  local password broker
  password=$(random)
  folder "$FOLDER/rabbitmq" rabbitmq
  printf %s "$password" | secret "$FOLDER/secrets/bus"
  random | secret "$FOLDER/rabbitmq/.erlang.cookie" rabbitmq
  chmod 0400 "$FOLDER/rabbitmq/.erlang.cookie"
  echo '[].' | secret "$FOLDER/rabbitmq/enabled_plugins" rabbitmq
  for broker in $(brokers); do
    {
      cat <<END_OF_BROKER
listeners.tcp.1 = 127.0.0.1:$(broker_port "$broker")
default_user = sotto
default_pass = $password
default_user_tags.administrator = false
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 64MB
raft.wal_max_size_bytes = 33554432
log.file = false
log.console = true
log.console.level = warning
END_OF_BROKER
      if [[ $NAMESPACES == 1 ]]; then echo "listeners.tcp.2 = $(network_back):$(broker_port "$broker")"; fi
      if [[ $BROKERS != 1 ]]; then rabbitmq_cluster; fi
    } | secret "$FOLDER/rabbitmq/$broker.conf" rabbitmq
  done
}

# Of two halves that do not see each other one goes on, and the other takes nothing: two would be heard by half a fleet
# each, and nobody would notice.
rabbitmq_cluster() {
  local broker
  echo "cluster_partition_handling = pause_minority"
  echo "cluster_formation.peer_discovery_backend = classic_config"
  for broker in $(brokers); do
    echo "cluster_formation.classic_config.nodes.$(broker_number "$broker") = $(broker_node "$broker")"
  done
}

rabbitmq_launch() {
  local own=$FOLDER/rabbitmq
  if [[ -z $(pid epmd) ]]; then
    launch epmd rabbitmq env -i PATH=/usr/bin:/bin epmd -port "$EPMD_PORT" -address 127.0.0.1
    await epmd listens "$EPMD_PORT"
  fi
  # RUNNING_UNDER_SYSTEMD makes the script become the broker, so that the pid is the broker's.
  launch "$1" rabbitmq env -i --chdir "$own" PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    HOME="$own" RUNNING_UNDER_SYSTEMD=true RABBITMQ_NODENAME="$(broker_node "$1")" \
    RABBITMQ_CONFIG_FILE="$own/$1.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$own/none" \
    RABBITMQ_CONF_ENV_FILE="$own/none" RABBITMQ_ENABLED_PLUGINS_FILE="$own/enabled_plugins" \
    RABBITMQ_MNESIA_BASE="$own/mnesia" RABBITMQ_LOG_BASE="$own/log" RABBITMQ_DIST_PORT="$(broker_distribution "$1")" \
    ERL_EPMD_PORT="$EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1 ERL_CRASH_DUMP=/dev/null \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none' \
    /usr/lib/rabbitmq/bin/rabbitmq-server
}

rabbitmq_is_up() (
  exec 3<>"/dev/tcp/127.0.0.1/$(broker_port "$1")" || exit
  printf 'AMQP\0\0\x09\x01' >&3
  IFS= read -r -t 5 -N 1 -u 3 first || exit
  [[ $first == $'\x01' ]]
)

rabbitmq_is_paused() { ! listens "$(broker_port "$1")"; }

# Each sees all the others. Who asks is hidden, and not counted.
rabbitmq_is_whole() { [[ $(rabbitmq_eval "$1" 'length(nodes()).') == $((BROKERS - 1)) ]]; }

# Usage: rabbitmq_eval BROKER ERLANG
rabbitmq_eval() {
  local own=$FOLDER/rabbitmq
  (cd / && as rabbitmq env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME="$own" \
    RABBITMQ_CONF_ENV_FILE="$own/none" ERL_EPMD_PORT="$EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_CTL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    /usr/lib/rabbitmq/bin/rabbitmqctl -q -n "$(broker_node "$1")" eval "$2")
}

# Usage: rabbitmq_others BROKER: as a list in Erlang.
rabbitmq_others() {
  local broker list=''
  for broker in $(brokers); do
    if [[ $broker != "$1" ]]; then list+=",'$(broker_node "$broker")'"; fi
  done
  echo "[${list#,}]"
}

# A broker that knows no word that the others know neither lets them in nor is let in. What it has with clients stays.
rabbitmq_cut() {
  rabbitmq_eval "$1" "[begin erlang:set_cookie(N, apart), erlang:disconnect_node(N) end || N <- $(rabbitmq_others "$1")]." \
    >/dev/null
  await "$1" rabbitmq_is_paused "$1"
}

rabbitmq_mend() {
  rabbitmq_eval "$1" \
    "[begin erlang:set_cookie(N, erlang:get_cookie()), net_kernel:connect_node(N) end || N <- $(rabbitmq_others "$1")]." \
    >/dev/null
  await "$1" rabbitmq_is_up "$1"
}

# With clients that go on it takes a minute or more to end by itself; what it has is worth nothing afterwards.
rabbitmq_stop() {
  local broker
  signal TERM "$1"
  gone "$1" 5
  for broker in $(brokers); do
    if [[ -n $(pid "$broker") ]]; then return 0; fi
  done
  end epmd
}
