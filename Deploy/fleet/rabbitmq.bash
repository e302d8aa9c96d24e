# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# RabbitMQ: a node of its own, with an epmd of its own, that nobody beyond this machine can reach. Sourced by `fleet`.

rabbitmq_make() {
  local password
  password=$(random)
  folder "$FOLDER/rabbitmq" rabbitmq
  printf %s "$password" | secret "$FOLDER/secrets/bus"
  random | secret "$FOLDER/rabbitmq/.erlang.cookie" rabbitmq
  chmod 0400 "$FOLDER/rabbitmq/.erlang.cookie"
  echo '[].' | secret "$FOLDER/rabbitmq/enabled_plugins" rabbitmq
  secret "$FOLDER/rabbitmq/rabbitmq.conf" rabbitmq <<END
listeners.tcp.1 = 127.0.0.1:$RABBITMQ_PORT
default_user = sotto
default_pass = $password
default_user_tags.administrator = false
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 64MB
raft.wal_max_size_bytes = 33554432
log.file = false
log.console = true
log.console.level = warning
END
}

rabbitmq_launch() {
  local own=$FOLDER/rabbitmq
  if [[ -z $(pid epmd) ]]; then
    launch epmd rabbitmq env -i PATH=/usr/bin:/bin epmd -port "$EPMD_PORT" -address 127.0.0.1
    await epmd listens "$EPMD_PORT"
  fi
  # RUNNING_UNDER_SYSTEMD makes the script become the broker, so that the pid is the broker's.
  launch rabbitmq rabbitmq env -i --chdir "$own" PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    HOME="$own" RUNNING_UNDER_SYSTEMD=true RABBITMQ_NODENAME=sotto@localhost \
    RABBITMQ_CONFIG_FILE="$own/rabbitmq.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$own/none" \
    RABBITMQ_CONF_ENV_FILE="$own/none" RABBITMQ_ENABLED_PLUGINS_FILE="$own/enabled_plugins" \
    RABBITMQ_MNESIA_BASE="$own/mnesia" RABBITMQ_LOG_BASE="$own/log" RABBITMQ_DIST_PORT="$DISTRIBUTION_PORT" \
    ERL_EPMD_PORT="$EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1 ERL_CRASH_DUMP=/dev/null \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none' \
    /usr/lib/rabbitmq/bin/rabbitmq-server
}

rabbitmq_is_up() (
  exec 3<>"/dev/tcp/127.0.0.1/$RABBITMQ_PORT" || exit
  printf 'AMQP\0\0\x09\x01' >&3
  IFS= read -r -t 5 -N 1 -u 3 first || exit
  [[ $first == $'\x01' ]]
)

# With clients that go on it takes a minute or more to end by itself; what it has is worth nothing afterwards.
rabbitmq_stop() {
  signal TERM rabbitmq
  gone rabbitmq 5
  end epmd
}
