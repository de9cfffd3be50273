# A container engine: one that answers, or a private one of our own. Sourced after report.sh and packages.sh.
#
# The private engine keeps everything under the cache directory and touches nothing of other engines: it has its own
# containerd namespace, writes no firewall rules and brings its own bridge. That bridge is never used (builds take the host's
# network, sandboxes have none), but `--bridge=none` would delete the docker0 of an engine that runs beside it. Containers of
# one network reach each other and nothing else, which is all that the fleet of docker-compose.yml needs.

engine_dir=$cache_dir/docker
engine_socket=$engine_dir/docker.sock
# One per cache directory: two private engines do not share it. Interface names have at most 15 characters.
engine_bridge=clawh$(printf '%s' "$cache_dir" | cksum | cut -d ' ' -f 1)

# Sets DOCKER_HOST to an engine that answers. With `temporary`, one that had to be started ends with the script.
ensure_engine() {
  local lifetime=$1
  ensure_command curl
  case ${DOCKER_HOST:-unix:///var/run/docker.sock} in
    unix://*)
      local socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
      engine_answers "${socket#unix://}" && return
      [ -z "${DOCKER_HOST:-}" ] || say "no container engine answers at DOCKER_HOST=$DOCKER_HOST: looking for another one"
      ;;
    *) return ;; # Another machine's engine: the program that uses it says so if it does not answer.
  esac
  if engine_answers /var/run/docker.sock; then
    export DOCKER_HOST=unix:///var/run/docker.sock
    return
  fi
  export DOCKER_HOST=unix://$engine_socket
  engine_answers "$engine_socket" && return

  ensure_command dockerd docker.io
  if [ -d /run/systemd/system ] && as_root systemctl start docker </dev/null 2>/dev/null && engine_answers /var/run/docker.sock; then
    export DOCKER_HOST=unix:///var/run/docker.sock
    return
  fi
  [ "$lifetime" != temporary ] || at_end stop_engine_we_started
  start_private_engine
}

engine_answers() { curl -fsS --max-time 5 --unix-socket "$1" http://engine/_ping >/dev/null 2>&1; }

start_private_engine() {
  say "starting a private container engine in $engine_dir"
  ensure_command ip iproute2
  mkdir -p "$engine_dir"
  # Two scripts at once start one engine between them. The engine must not inherit the lock.
  exec 9>"$engine_dir/lock"
  flock 9
  if ! engine_answers "$engine_socket"; then
    local proxy=() name waited
    for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
      [ -z "${!name:-}" ] || proxy+=("$name=${!name}")
    done
    engine_started=yes
    ip link show "$engine_bridge" >/dev/null 2>&1 || as_root ip link add name "$engine_bridge" type bridge
    as_root env "${proxy[@]}" PATH="$PATH" setsid dockerd \
      --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" --pidfile "$engine_dir/pid" \
      --host "unix://$engine_socket" --group "$(id -gn)" \
      --containerd-namespace clawhold --containerd-plugins-namespace clawhold-plugins \
      --bridge "$engine_bridge" --iptables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
      </dev/null >"$engine_dir/log" 2>&1 9>&- &
    for ((waited = 0; waited < 300; waited++)); do
      engine_answers "$engine_socket" && break
      kill -0 $! 2>/dev/null || break
      sleep 0.1
    done
    if ! engine_answers "$engine_socket"; then
      tail -n 15 "$engine_dir/log" >&2
      fail "the container engine did not start (its log is $engine_dir/log); start Docker by hand or set DOCKER_HOST"
    fi
  fi
  exec 9>&-
  warn_of_another_firewall
}

# The rules of another engine hold for our networks too, and those of Docker drop what they do not know.
warn_of_another_firewall() {
  [ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)" = 1 ] || return 0
  as_root iptables -S FORWARD 2>/dev/null | grep -q '^-P FORWARD DROP' || return 0
  say "another container engine's firewall keeps the containers of this one apart, so a compose fleet cannot work on it: set DOCKER_HOST to that engine"
}

stop_engine_we_started() { [ -z "${engine_started:-}" ] || stop_private_engine; }

stop_private_engine() {
  local pid waited
  pid=$(cat "$engine_dir/pid" 2>/dev/null || true)
  if [ -n "$pid" ] && [ -d "/proc/$pid" ] && grep -q "$engine_dir" "/proc/$pid/cmdline"; then
    as_root kill -TERM "$pid"
    for ((waited = 0; waited < 300; waited++)); do
      [ -d "/proc/$pid" ] || break
      sleep 0.1
    done
    [ ! -d "/proc/$pid" ] || as_root kill -KILL "$pid"
  fi
  if ip link show "$engine_bridge" >/dev/null 2>&1; then as_root ip link delete "$engine_bridge"; fi
  # What an engine leaves mounted when it is killed would keep its directory from being removed.
  local mounted
  while read -r _ mounted _; do
    case $mounted in "$engine_dir/exec/"*) as_root umount --lazy "$mounted" ;; esac
  done </proc/mounts
  as_root rm -rf "$engine_dir/exec" "$engine_dir/pid" "$engine_socket"
}
