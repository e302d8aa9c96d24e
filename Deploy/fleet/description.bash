# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# FOLDER/fleet.json: what runs where. Sourced by `fleet`.

number_or_null() { local text; text=$("$@"); echo "${text:-null}"; }

# What a test has to know, for its eyes alone: the passwords are in files beside it.
describe() {
  local i relay broker separator=''
  {
    printf '{\n  "folder": "%s",\n  "url": "https://%s:%s",\n  "authority": "%s:%s",\n' \
      "$FOLDER" "$NAME" "$PORT" "$NAME" "$PORT"
    printf '  "name": "%s",\n  "address": "127.0.0.1",\n  "port": %s,\n' "$NAME" "$PORT"
    printf '  "certificate": "%s",\n  "hosts": "%s",\n  "sotto": "%s",\n  "relays": [' \
      "$FOLDER/tls/authority.pem" "$FOLDER/hosts" "$FOLDER/sotto"
    for ((i = 1; i <= RELAYS; i++)); do
      relay=relay$i
      printf '%s\n    {"name": "%s", "pid": %s, "url": "http://%s:%s", "metrics": "http://127.0.0.1:%s/metrics", ' \
        "$separator" "$relay" "$(number_or_null pid "$relay")" "$(relay_host "$relay")" "$(relay_port "$relay")" \
        "$(relay_metrics "$relay")"
      printf '"network": %s, "programs": "%s", ' "$(number_or_null pid "$relay.network")" "$(relay_bin "$relay")"
      printf '"config": "%s", "data": "%s", "log": "%s"}' "$FOLDER/$relay.conf" "$FOLDER/$relay" "$FOLDER/$relay.log"
      separator=,
    done
    printf '\n  ],\n  "nginx": {"pid": %s, "config": "%s", "log": "%s", "errors": "%s"},\n' \
      "$(number_or_null pid nginx)" "$FOLDER/nginx/nginx.conf" "$FOLDER/nginx.log" "$FOLDER/nginx/error.log"
    printf '  "postgresql": {"pid": %s, "socket": "%s", "port": %s, "data": "%s", "log": "%s", "primary": "%s",\n' \
      "$(number_or_null pid postgresql)" "$FOLDER/postgresql" "$POSTGRESQL_PORT" "$FOLDER/postgresql/data" \
      "$FOLDER/postgresql.log" "$(pg_primary)"
    printf '    "database": "sotto", "user": "sotto", "administrator": "postgres", "passfile": "%s",\n    "replica": ' \
      "$FOLDER/secrets/administrator"
    if [[ $REPLICA == 1 ]]; then
      printf '{"pid": %s, "socket": "%s", "port": %s, "data": "%s", "log": "%s"}},\n' "$(number_or_null pid replica)" \
        "$FOLDER/replica" "$REPLICA_PORT" "$FOLDER/replica/data" "$FOLDER/replica.log"
    else
      printf 'null},\n'
    fi
    separator=''
    printf '  "rabbitmq": ['
    for broker in $(brokers); do
      printf '%s\n    {"name": "%s", "pid": %s, "epmd_pid": %s, "port": %s, "epmd_port": %s, "distribution_port": %s, ' \
        "$separator" "$broker" "$(number_or_null pid "$broker")" "$(number_or_null pid epmd)" "$(broker_port "$broker")" \
        "$EPMD_PORT" "$(broker_distribution "$broker")"
      printf '"node": "%s",\n      "user": "sotto", "password_file": "%s", "home": "%s", "log": "%s"}' \
        "$(broker_node "$broker")" "$FOLDER/secrets/bus" "$FOLDER/rabbitmq" "$FOLDER/$broker.log"
      separator=,
    done
    printf '\n  ],\n  "push": '
    if [[ $PUSH == 1 ]]; then
      printf '{"pid": %s, "config": "%s", "log": "%s", "metrics": "http://127.0.0.1:%s/metrics", ' \
        "$(number_or_null pid push)" "$FOLDER/push.conf" "$FOLDER/push.log" "$PUSH_METRICS"
      printf '"gateway": "%s", "endpoint": "%s"},\n' "$(push_key)" "$(push_endpoint)"
    else
      printf 'null,\n'
    fi
    printf '  "provider": '
    if [[ -n $SIGN_IN ]]; then
      printf '{"pid": %s, "issuer": "%s", "log": "%s"}\n}\n' "$(number_or_null pid provider)" "$(provider_issuer)" \
        "$FOLDER/provider.log"
    else
      printf 'null\n}\n'
    fi
  } >"$FOLDER/.fleet.json.$BASHPID"
  mv "$FOLDER/.fleet.json.$BASHPID" "$FOLDER/fleet.json"
}
