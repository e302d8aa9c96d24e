# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# The relays, and NGINX in front of them. Sourced by `fleet`.

relay_port() { local name=RELAY${1#relay}_PORT; echo "${!name}"; }
relay_metrics() { local name=RELAY${1#relay}_METRICS; echo "${!name}"; }

# Where its program is: the fleet's folder, unless it was started from another.
relay_bin() { local name=RELAY${1#relay}_BIN; echo "${!name:-$BIN}"; }

# Every broker, and each relay begins with another: so none has all of them.
relay_brokers() {
  local all i list=''
  mapfile -t all < <(brokers)
  for ((i = 0; i < BROKERS; i++)); do
    list+=",$(servers_host):$(broker_port "${all[(${1#relay} - 1 + i) % BROKERS]}")"
  done
  echo "${list#,}"
}

relay_make() {
  local host store example
  host=$(servers_host)
  # A relay of the version before does not know every setting.
  example=$("$(relay_bin "$1")/sotto-relay" config example)
  store="host=$host port=$POSTGRESQL_PORT"
  if [[ $REPLICA == 1 ]]; then store="host=$host,$host port=$POSTGRESQL_PORT,$REPLICA_PORT"; fi
  {
    echo "data = $FOLDER/$1"
    if [[ $example == *attachments* ]]; then echo "attachments = $FOLDER/attachments"; fi
    echo "listen = $(relay_host "$1"):$(relay_port "$1")"
    echo "store = $store dbname=sotto user=sotto passfile=$FOLDER/secrets/passfile"
    if [[ -n $SIGN_IN ]]; then provider_settings; else echo "registration = open"; fi
    echo "authority = $NAME:$PORT"
    echo "metrics = 127.0.0.1:$(relay_metrics "$1")"
    echo "trusted-proxies = $(nginx_host)"
    echo "forwarded-header = x-forwarded-for"
    # Everybody is on this machine, and one client.
    echo "limit-loopback = false"
    if [[ $BUS == 1 && $example == *bus.password* ]]; then
      echo "bus = amqp://sotto@$(relay_brokers "$1")/"
      echo "bus.password = $FOLDER/secrets/bus"
      if [[ $example == *"push = bus"* ]]; then echo "push = bus"; fi
    fi
  } >"$FOLDER/$1.conf"
}

relay_launch() {
  local start=()
  if [[ $NAMESPACES == 1 ]]; then start=(nsenter --net="/proc/$(pid "$1.network")/ns/net"); fi
  launch "$1" - "${start[@]}" env SWIFT_BACKTRACE=enable=no "$(relay_bin "$1")/sotto-relay" serve \
    --config "$FOLDER/$1.conf"
}

# The tables, by the program of a folder. Usage: relay_migrate FOLDER-OF-PROGRAMS
relay_migrate() {
  "$1/sotto-relay" db migrate --config "$FOLDER/relay1.conf" </dev/null >"$FOLDER/migrate.log" 2>&1 || {
    cat "$FOLDER/migrate.log" >&2
    refuse 69 "The tables cannot be made." "Above is what sotto-relay db migrate says." \
      "It has to be built with the trait Fleet: swift build -c release --traits Fleet"
  }
}

# What it counts. It listens where it is, and nowhere else.
relay_count() {
  # shellcheck disable=SC2016 # for the other shell
  at "$1" bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
    printf "GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n" >&3
    timeout 10 cat <&3' count "$(relay_metrics "$1")" 2>/dev/null | sed '1,/^\r*$/d'
}

relay_is_ready() (
  exec 3<>"/dev/tcp/$(relay_host "$1")/$(relay_port "$1")" || exit
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
  for ((i = 1; i <= RELAYS; i++)); do relays+=" $(relay_host "relay$i"):$(relay_port "relay$i")"; done
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
