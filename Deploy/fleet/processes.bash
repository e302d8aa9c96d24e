# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # settings and what `fleet` says of itself
# What the parts of a fleet have in common: processes, ports and files. Sourced by `fleet`.

# MARK: Processes

# Runs a command as somebody else, who is needed only where we are root.
as() {
  local user=$1
  shift
  if [[ $(id -u) != 0 ]]; then "$@"; else setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@"; fi
}

# Starts a part in a session of its own. It has nothing of ours open: whoever reads our output waits for its end.
# Usage: launch WHAT USER COMMAND...   (- is who we are)
launch() {
  local what=$1 user=$2
  shift 2
  if [[ $user != - && $(id -u) == 0 ]]; then
    set -- setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@"
  fi
  (
    exec </dev/null >>"$FOLDER/$what.log" 2>&1
    for file in "/proc/$BASHPID/fd/"*; do
      if ((${file##*/} > 2)); then eval "exec ${file##*/}>&-"; fi
    done
    exec setsid "$@"
  ) &
  # A pid is used again some day; with the moment of its start it is one process.
  began "$!" >"$FOLDER/$what.began"
  echo "$!" >"$FOLDER/$what.pid"
  disown
}

# When a process was started, in ticks; nothing when it has ended.
began() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -ra stat <<<"${stat##*) }"
  if [[ ${stat[0]} != Z ]]; then echo "${stat[19]}"; fi
}

# The process of a part, or nothing when it does not run.
pid() {
  local pid
  pid=$(cat "$FOLDER/$1.pid" 2>/dev/null) || return 0
  if [[ -n $pid && $(began "$pid") == "$(cat "$FOLDER/$1.began")" ]]; then echo "$pid"; fi
}

children() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

# A process and all that it has started, itself first.
family() {
  local child
  echo "$1"
  for child in $(children "$1"); do family "$child"; done
}

# Usage: signal SIGNAL WHAT
signal() {
  local pid
  pid=$(pid "$2")
  if [[ -n $pid ]]; then kill -"$1" "$pid" 2>/dev/null || true; fi
}

# SIGKILL for a part and everything that it has started: what a power cut does to it.
end() {
  local pid process all=()
  pid=$(pid "$1")
  if [[ -z $pid ]]; then return 0; fi
  mapfile -t all < <(family "$pid")
  for process in "${all[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
  for process in "${all[@]}"; do
    while [[ -n $(began "$process") ]]; do sleep 0.02; done
  done
}

# Waits until a part has ended. Usage: ended WHAT SECONDS
ended() {
  local i
  for ((i = 0; i < $2 * 20; i++)); do
    if [[ -z $(pid "$1") ]]; then return 0; fi
    sleep 0.05
  done
  return 1
}

# The same; one that does not is killed.
gone() {
  if ended "$@"; then return 0; fi
  echo "$1 did not end in $2 s and was killed." >&2
  end "$1"
}

# Waits until a check passes. Usage: await WHAT CHECK...
await() {
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@" 2>/dev/null; do
    if [[ -n $(pid "$what") ]] && ((SECONDS < deadline)); then
      sleep 0.1
      continue
    fi
    tail -n 15 "$FOLDER/$what.log" >&2 || true
    refuse 69 "$what does not come up." "Above is the end of $FOLDER/$what.log." "Mend that and begin again."
  done
}

# MARK: Ports and secrets

# A port that nobody has and no outgoing connection is given.
choose_port() {
  local port
  while port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000)); do
    if [[ $taken != *" $port "* ]] && ! grep -q "$(printf ':%04X ' "$port")" /proc/net/tcp /proc/net/tcp6; then break; fi
  done
  taken+="$port "
  printf -v "$1" %s "$port"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Writes standard input to a file that only one user can read. Usage: secret FILE [USER]
secret() {
  (umask 077 && cat >"$1")
  if [[ $(id -u) == 0 && -n ${2:-} ]]; then chown "$2:" "$1"; fi
}

# A folder that only one user can enter, or, for a path through it, with another mode. Usage: folder PATH USER [MODE]
folder() {
  install -d -m "${3:-0700}" "$1"
  if [[ $(id -u) == 0 ]]; then chown "$2:" "$1"; fi
}
