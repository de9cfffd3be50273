# System packages of Debian and Ubuntu. Sourced after report.sh.

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    fail "this needs root: run it as root or install sudo ($*)"
  fi
}

# Installs those of the named packages that are missing.
ensure_packages() {
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -Wf '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# Installs a package unless its command is there, wherever it came from.
ensure_command() {
  local command=$1 package=${2:-$1}
  command -v "$command" >/dev/null || install_packages "$package"
}

install_packages() {
  command -v apt-get >/dev/null || fail "please install by hand (only Debian and Ubuntu are set up here): $*"
  local settings=(DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l)
  # Without systemd a package would start its server by init script, and nobody would stop it.
  [ -d /run/systemd/system ] || settings+=(RUNLEVEL=1)
  say "installing $*"
  if [ -z "${packages_listed:-}" ]; then
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >&2 || say "some package lists did not load; trying all the same"
    packages_listed=yes
  fi
  as_root env "${settings[@]}" apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "$@" </dev/null >/dev/null
}
