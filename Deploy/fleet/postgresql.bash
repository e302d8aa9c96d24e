# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# PostgreSQL: two servers, `postgresql` and `replica`, of which one takes writes and the other follows. Sourced by `fleet`.

# shellcheck disable=SC2012 # names of versions
postgresql_programs() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr | head -n 1; }

pg_port() { if [[ $1 == replica ]]; then echo "$REPLICA_PORT"; else echo "$POSTGRESQL_PORT"; fi; }
pg_other() { if [[ $1 == replica ]]; then echo postgresql; else echo replica; fi; }
pg_primary() { cat "$FOLDER/primary"; }

pg() {
  local program=$1
  shift
  (cd / && as postgres env -i PATH=/usr/bin:/bin LC_ALL=C PGPASSFILE="$FOLDER/postgresql/passfile" "$PG/$program" "$@")
}

# The statement does not stand on the command line, which everybody can read. Usage: sql WHAT STATEMENT [DATABASE]
sql() {
  pg psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(pg_port "$1")" -U postgres -d "${3:-postgres}" <<<"$2"
}

pg_is_up() { [[ $(sql "$1" 'SELECT 1') == 1 ]]; }

pg_make() {
  local admin sotto replica
  admin=$(random) sotto=$(random) replica=$(random)
  folder "$FOLDER/postgresql" postgres 0711
  folder "$FOLDER/replica" postgres 0711
  # Every kind of user has a password, and every reader only those that he needs.
  printf '*:*:*:%s\n' "postgres:$admin" "replica:$replica" | secret "$FOLDER/postgresql/passfile" postgres
  printf '*:*:*:%s\n' "sotto:$sotto" | secret "$FOLDER/secrets/passfile"
  printf '*:*:*:%s\n' "postgres:$admin" "sotto:$sotto" | secret "$FOLDER/secrets/administrator"
  secret "$FOLDER/postgresql/first" postgres <<<"$admin"
  pg initdb -D "$FOLDER/postgresql/data" -U postgres -A scram-sha-256 --pwfile "$FOLDER/postgresql/first" -E UTF8 \
    --no-locale --no-sync --no-instructions >"$FOLDER/postgresql.log" 2>&1 ||
    refuse 69 "PostgreSQL cannot make its files." "$FOLDER/postgresql.log says why." "Mend that and begin again."
  rm "$FOLDER/postgresql/first"
  # A statement that fails has names in it, and so has what it says: neither is logged.
  as postgres tee -a "$FOLDER/postgresql/data/postgresql.conf" >/dev/null <<'END'
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
shared_buffers = 64MB
log_min_messages = log
log_min_error_statement = panic
wal_retrieve_retry_interval = 500ms
max_slot_wal_keep_size = 1GB
END
  as postgres tee "$FOLDER/postgresql/data/pg_hba.conf" >/dev/null <<'END'
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host replication replica 127.0.0.1/32 scram-sha-256
END
  if [[ $NAMESPACES == 1 ]]; then
    as postgres sed -i "s/^listen_addresses.*/listen_addresses = '127.0.0.1, $(network_back)'/" \
      "$FOLDER/postgresql/data/postgresql.conf"
    echo "host sotto sotto $NET.0/24 scram-sha-256" | as postgres tee -a "$FOLDER/postgresql/data/pg_hba.conf" >/dev/null
  fi
  echo postgresql >"$FOLDER/primary"
  pg_launch postgresql
  sql postgresql "CREATE ROLE sotto LOGIN PASSWORD '$sotto'; CREATE ROLE replica LOGIN REPLICATION PASSWORD '$replica'"
  sql postgresql 'CREATE DATABASE sotto OWNER sotto'
}

pg_launch() {
  local lock=$FOLDER/$1/data/postmaster.pid former=''
  # Where nobody has taken note of the end of one that was killed, it looks to PostgreSQL as if it ran.
  if [[ -e $lock ]]; then former=$(head -n 1 "$lock"); fi
  if [[ -n $former && -e /proc/$former && -z $(began "$former") ]]; then
    rm -f "$lock" "$FOLDER/$1/.s.PGSQL.$(pg_port "$1").lock"
  fi
  launch "$1" postgres env -i PATH=/usr/bin:/bin LC_ALL=C "$PG/postgres" -D "$FOLDER/$1/data" \
    -k "$FOLDER/$1" -p "$(pg_port "$1")" -c cluster_name="$1"
  await "$1" pg_is_up "$1"
}

# Makes one a copy of the other, which follows it.
pg_clone() {
  local from=$1 to=$2
  sql "$from" "SELECT pg_create_physical_replication_slot('$to') WHERE NOT EXISTS
    (SELECT FROM pg_replication_slots WHERE slot_name = '$to')" >/dev/null
  rm -rf "$FOLDER/$to/data"
  pg pg_basebackup -h 127.0.0.1 -p "$(pg_port "$from")" -U replica -D "$FOLDER/$to/data" -R -S "$to" -c fast \
    >>"$FOLDER/$to.log" 2>&1
  # What the other waits for, this one does not when it takes over.
  as postgres sed -i /^synchronous_standby_names/d "$FOLDER/$to/data/postgresql.auto.conf"
}

# Usage: pg_wait_for WHAT [FOLLOWER]: what it commits it answers when the follower has it, too, or without one at once.
pg_wait_for() {
  sql "$1" "ALTER SYSTEM SET synchronous_standby_names = '${2:-}'"
  sql "$1" 'SELECT pg_reload_conf()' >/dev/null
}

pg_follows() { [[ $(sql "$1" "SELECT state FROM pg_stat_replication WHERE application_name = '$2'") == streaming ]]; }

pg_follow() {
  local primary
  primary=$(pg_primary)
  if [[ ! -e $FOLDER/$1/data/standby.signal ]]; then
    # Never begun, or once the one that took writes: then it may have some that nobody else has.
    if [[ -z $(pid "$primary") ]]; then
      refuse 75 "$1 cannot be started: $primary does not run." "It has to become a copy of that one." \
        "Start $primary first."
    fi
    pg_clone "$primary" "$1"
  fi
  pg_launch "$1"
  if [[ -z $(pid "$primary") ]]; then return 0; fi
  await "$1" pg_follows "$primary" "$1"
  pg_wait_for "$primary" "$1"
}

pg_start() { if [[ $(pg_primary) == "$1" ]]; then pg_launch "$1"; else pg_follow "$1"; fi; }

pg_stop() {
  local primary
  primary=$(pg_primary)
  # An operator who takes the follower away says so first. When it is killed, writes wait for it.
  if [[ $primary != "$1" && -n $(pid "$primary") ]]; then pg_wait_for "$primary"; fi
  signal INT "$1"
  gone "$1" 60
}

pg_promote() {
  local old new
  old=$(pg_primary) new=$(pg_other "$(pg_primary)")
  if [[ $REPLICA == 0 || -z $(pid "$new") ]]; then
    refuse 75 "There is no replica that runs." "Nobody can take over from $old." \
      "Bring the fleet up with --replica, or start $new."
  fi
  # Two that take writes would be two truths.
  signal INT "$old"
  gone "$old" 60
  # One that was too slow, and takes writes by now, is asked again in vain.
  if [[ $(sql "$new" 'SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 60) ELSE true END') != t ]]; then
    describe
    refuse 69 "$new does not take over within 60 s." "$old was stopped, and nobody takes writes. $new still may, later." \
      "$FOLDER/$new.log says why. Mend that and promote again; do not start $old before."
  fi
  echo "$new" >"$FOLDER/primary"
  say "$new" "takes writes; $old follows when it is started"
}
