# Stand-ins for the images of docker-compose.yml where no registry can be reached: same names, same programs, made of Debian's
# packages and the pinned nats-server. Sourced after the other parts; needs an engine (ensure_engine) and the servers
# (ensure_servers).
#
# An image that is there already is never touched unless it is an older stand-in of ours, and a registry goes first.

readonly stand_in_label=dev.clawhold.stand-in
# The file system is the same for all of them: one download, one layer.
readonly stand_ins=(postgres:17 "nats:${nats_version%.*}-alpine" haproxy:3.0-alpine)

ensure_images() {
  local image missing=()
  ensure_command curl
  ensure_command mmdebstrap
  ensure_packages debian-archive-keyring
  # Another recipe makes other images.
  stand_in_source=$(cksum script/parts/images.sh script/parts/images/* "$servers_dir/nats-$nats_version/nats-server" | cksum | cut -d ' ' -f 1)
  exec 7>"$cache_dir/images.lock"
  flock 7
  for image in "${stand_ins[@]}"; do
    image_is_there "$image" || pull_image "$image" || missing+=("$image")
  done
  if [ ${#missing[@]} != 0 ]; then make_stand_ins "${missing[@]}"; fi
  exec 7>&-
}

# engine_request PATH [curl's arguments]
engine_request() {
  local path=$1
  shift
  case $DOCKER_HOST in
    unix://*) curl -sS --fail-with-body --unix-socket "${DOCKER_HOST#unix://}" "$@" "http://engine/v1.41$path" ;;
    tcp://*) curl -sS --fail-with-body "$@" "http://${DOCKER_HOST#tcp://}/v1.41$path" ;;
    *) fail "only an engine at unix:// or tcp:// can be given images (DOCKER_HOST=$DOCKER_HOST)" ;;
  esac
}

# Whether there is an image of that name that is to stay: somebody else's, or our newest.
image_is_there() {
  local answer
  answer=$(engine_request "/images/$1/json" 2>/dev/null) || return 1
  case $answer in
    *"\"$stand_in_label\":\"$stand_in_source\""*) return 0 ;;
    *"\"$stand_in_label\":"*) return 1 ;;
  esac
}

# A registry that says nothing for 20 s counts as out of reach. The engine reports failures inside an answer of status 200.
pull_image() {
  local answer
  say "pulling $1"
  answer=$(engine_request "/images/create?fromImage=${1%:*}&tag=${1#*:}" -X POST --speed-limit 1 --speed-time 20 2>&1) || return 1
  case $answer in *'"error"'*) return 1 ;; esac
}

make_stand_ins() {
  local work image
  say "no registry can be reached: making stand-ins for $* from Debian's packages"
  work=$(mktemp -d "$cache_dir/images.XXXXXX")
  make_stand_in_tree "$work/tree.tar" || {
    rm -rf "$work"
    fail "mmdebstrap failed (see above): is the Debian mirror in reach, and is this run as root?"
  }
  for image in "$@"; do import_stand_in "$image" "$work/tree.tar"; done
  rm -rf "$work"
}

# The programs of all of them. Postgres' package must not make a cluster; nobody reads manuals.
make_stand_in_tree() {
  local tree=$1 exclude=() directory
  for directory in doc man info locale; do exclude+=("--dpkgopt=path-exclude=/usr/share/$directory/*"); done
  mmdebstrap --quiet --variant=minbase --format=tar --include=busybox,ca-certificates,haproxy,postgresql-17 "${exclude[@]}" \
    --aptopt='Apt::Install-Recommends "false"' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
    --customize-hook="upload script/parts/images/postgres-entrypoint /usr/local/bin/docker-entrypoint.sh" \
    --customize-hook="upload $servers_dir/nats-$nats_version/nats-server /usr/local/bin/nats-server" \
    --customize-hook='chmod 0755 "$1/usr/local/bin/docker-entrypoint.sh" "$1/usr/local/bin/nats-server"' \
    --customize-hook='ln -s busybox "$1/usr/bin/wget"' \
    trixie "$tree" </dev/null >&2
}

# What differs is what they start.
import_stand_in() {
  local image=$1 tree=$2 change answer query former
  local changes=("LABEL $stand_in_label=$stand_in_source")
  case $image in
    postgres:*)
      changes+=(
        'ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        'ENV PGDATA=/var/lib/postgresql/data' 'VOLUME /var/lib/postgresql/data' 'EXPOSE 5432'
        'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]'
      )
      ;;
    nats:*) changes+=('EXPOSE 4222 8222' 'CMD ["nats-server", "--config", "/etc/nats/nats-server.conf"]') ;;
    haproxy:*)
      changes+=('USER haproxy' 'CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]')
      ;;
  esac
  former=$(engine_request "/images/$image/json" 2>/dev/null | grep -o '"Id":"[^"]*"' | head -n 1 | cut -d '"' -f 4) || true
  query="fromSrc=-&repo=${image%:*}&tag=${image#*:}"
  for change in "${changes[@]}"; do query+="&changes=$(url_encoded "$change")"; done
  answer=$(engine_request "/images/create?$query" -X POST -H 'Content-Type: application/x-tar' -T "$tree") || fail "the engine refused $image: $answer"
  case $answer in *'"error"'*) fail "the engine refused $image: $answer" ;; esac
  # The engine keeps it while a container uses it.
  [ -z "$former" ] || engine_request "/images/$former" -X DELETE >/dev/null 2>&1 || true
  say "$image is ready (a stand-in)"
}

url_encoded() { printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'; }
