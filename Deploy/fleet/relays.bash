# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# The relays, and NGINX in front of them. Sourced by `fleet`.

relay_port() { local name=RELAY${1#relay}_PORT; echo "${!name}"; }
relay_metrics() { local name=RELAY${1#relay}_METRICS; echo "${!name}"; }

relay_make() {
  local store="host=127.0.0.1 port=$POSTGRESQL_PORT"
  if [[ $REPLICA == 1 ]]; then store="host=127.0.0.1,127.0.0.1 port=$POSTGRESQL_PORT,$REPLICA_PORT"; fi
  {
    echo "data = $FOLDER/$1"
    echo "listen = 127.0.0.1:$(relay_port "$1")"
    echo "store = $store dbname=sotto user=sotto passfile=$FOLDER/secrets/passfile"
    echo "registration = open"
    echo "authority = $NAME:$PORT"
    echo "metrics = 127.0.0.1:$(relay_metrics "$1")"
    echo "trusted-proxies = 127.0.0.1"
    echo "forwarded-header = x-forwarded-for"
    # Everybody is on this machine, and one client.
    echo "limit-loopback = false"
    if [[ $BUS == 1 && $("$BIN/sotto-relay" config example) == *bus.password* ]]; then
      echo "bus = amqp://sotto@127.0.0.1:$RABBITMQ_PORT/"
      echo "bus.password = $FOLDER/secrets/bus"
    fi
  } >"$FOLDER/$1.conf"
}

relay_launch() { launch "$1" - env SWIFT_BACKTRACE=enable=no "$BIN/sotto-relay" serve --config "$FOLDER/$1.conf"; }

relay_is_ready() (
  exec 3<>"/dev/tcp/127.0.0.1/$(relay_port "$1")" || exit
  printf 'GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$NAME:$PORT" >&3
  IFS= read -r -t 10 answer <&3 || exit
  [[ $answer == 'HTTP/1.1 200'* ]]
)

# MARK: NGINX

nginx_program() { PATH=$PATH:/usr/sbin command -v nginx; }

nginx_make() {
  local user relays='' i
  user=$(id -un)
  if [[ $user == root ]]; then user=$(id -un www-data 2>/dev/null || id -un nginx 2>/dev/null || echo nobody); fi
  for ((i = 1; i <= RELAYS; i++)); do relays+=" 127.0.0.1:$(relay_port "relay$i")"; done
  install -d -m 0711 "$FOLDER/nginx"
  # A line with @RELAY@ stands once for each relay.
  awk -v relays="$relays" '
    /^ *[^# ].*@RELAY@/ {
      count = split(relays, relay, " ")
      for (i = 1; i <= count; i++) { line = $0; sub(/@RELAY@/, relay[i], line); print line }
      next
    }
    { print }' "$here/../nginx.conf" |
    sed -e "/^ *#/!{
      s|@USER@|$user|; s|@PID@|$FOLDER/nginx/pid|; s|@FOLDER@|$FOLDER/nginx|; s|@LISTEN@|127.0.0.1:$PORT|
      s|@CERTIFICATE@|$FOLDER/tls/certificate.pem|; s|@KEY@|$FOLDER/tls/key.pem|
    }" >"$FOLDER/nginx/nginx.conf"
}

nginx_check() {
  "$(nginx_program)" -q -t -e "$FOLDER/nginx.log" -p "$FOLDER/nginx" -c "$FOLDER/nginx/nginx.conf" >&2 ||
    refuse 78 "NGINX cannot use its configuration." "$FOLDER/nginx/nginx.conf has what is said above." \
      "Mend it there, or Deploy/nginx.conf, from which it was made."
}

nginx_launch() {
  nginx_check
  launch nginx - "$(nginx_program)" -e "$FOLDER/nginx.log" -p "$FOLDER/nginx" -c "$FOLDER/nginx/nginx.conf" \
    -g 'daemon off;'
  await nginx listens "$PORT"
}

nginx_reload() {
  local before master
  nginx_check
  master=$(pid nginx) before=" $(children "$master") "
  kill -HUP "$master"
  await nginx nginx_has_others "$master" "$before"
}

nginx_has_others() {
  local child
  for child in $(children "$1"); do if [[ $2 != *" $child "* ]]; then return 0; fi; done
  return 1
}
