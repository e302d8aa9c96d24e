# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# The push gateway. Sourced by `fleet`.

# Keys, and a configuration in which one Web Push service is exempt: whoever listens at PUSH_PORT of this machine.
push_make() {
  local broker brokers=''
  for broker in $(brokers); do brokers+=",$(servers_host):$(broker_port "$broker")"; done
  "$BIN/sotto-push" key --out "$FOLDER/secrets/push" --json >"$FOLDER/push.json"
  {
    echo "key = $FOLDER/secrets/push/gateway.key"
    echo "bus = amqp://sotto@${brokers#,}/"
    echo "bus.password = $FOLDER/secrets/bus"
    echo "web-push.key = $FOLDER/secrets/push/web-push.pem"
    echo "web-push.contact = https://$NAME"
    echo "web-push.exempt = 127.0.0.1:$PUSH_PORT"
    echo "metrics = 127.0.0.1:$PUSH_METRICS"
  } >"$FOLDER/push.conf"
}

push_launch() {
  launch push - env SWIFT_BACKTRACE=enable=no "$BIN/sotto-push" serve --config "$FOLDER/push.conf"
}

push_is_up() { push_count | grep -q '^sotto_push_connected 1'; }

push_count() (
  exec 3<>"/dev/tcp/127.0.0.1/$PUSH_METRICS" || exit
  printf 'GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n' >&3
  timeout 10 cat <&3
)

# What devices are told.
push_key() { sed -n 's/.*"gateway":"\([0-9a-f]*\)".*/\1/p' "$FOLDER/push.json"; }
push_endpoint() { echo "http://127.0.0.1:$PUSH_PORT/"; }
