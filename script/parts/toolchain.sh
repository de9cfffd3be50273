# Rust, Node and the tools of the gate. Sourced after report.sh and packages.sh.

readonly rust_version_min=1.94 node_version_min=20
readonly nextest_version=0.9.143 deny_version=0.20.2

# at_least 20 20.19.2
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

ensure_rust() {
  ensure_packages ca-certificates
  ensure_command curl
  ensure_command git
  ensure_command gcc build-essential
  export PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  if ! command -v cargo >/dev/null; then
    say "installing Rust for this user"
    if apt-cache show rustup >/dev/null 2>&1; then
      install_packages rustup
      rustup toolchain install stable --profile minimal --component clippy,rustfmt </dev/null >&2 || no_rust
      rustup default stable >&2
    else
      curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs \
        | sh -s -- -y --no-modify-path --profile minimal --component clippy,rustfmt >&2 || no_rust
    fi
  fi
  local version
  version=$(rustc --version | cut -d ' ' -f 2)
  at_least "$rust_version_min" "$version" || fail "Rust $version is too old: $rust_version_min or newer is needed (rustup update)"
}

no_rust() {
  fail "Rust could not be downloaded: install Rust $rust_version_min or newer with clippy and rustfmt, then run this again"
}

ensure_rust_lints() {
  cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 && return
  rustup component add clippy rustfmt </dev/null >&2 || fail "clippy and rustfmt are missing: rustup component add clippy rustfmt"
}

ensure_cargo_tool() {
  local tool=$1 version=$2
  cargo "$tool" --version >/dev/null 2>&1 && return
  say "compiling cargo-$tool $version (once, a few minutes)"
  cargo install --locked "cargo-$tool" --version "$version" </dev/null >&2
}

ensure_node() {
  # One that an earlier run put there.
  local modules=$cache_dir/node/node_modules
  PATH=$modules/.bin:$modules/node-linux-$(node_arch)/bin:$PATH
  node_is_new_enough && return
  ensure_command node nodejs
  ensure_command npm
  node_is_new_enough && return
  say "Node $(node --version) is too old: installing Node 22 in $cache_dir/node"
  npm install --no-audit --no-fund --prefix "$cache_dir/node" "node-linux-$(node_arch)@22" npm@11 </dev/null >&2
  hash -r
  node_is_new_enough || fail "Node $node_version_min or newer is needed and could not be installed"
}

node_is_new_enough() {
  command -v npm >/dev/null && command -v node >/dev/null && at_least "v$node_version_min" "$(node --version)"
}

node_arch() {
  case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}
