# What every script begins with: strict mode, the repository as working directory, the cache directory, the parts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# Servers live there, and not every user looks there.
export PATH=$PATH:/usr/sbin:/sbin

# Everything we keep outside the repository: the private engine, Node where the system's is too old, CI's target directory.
cache_dir=${CLAWHOLD_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/clawhold}
mkdir -p "$cache_dir"
cache_dir=$(cd "$cache_dir" && pwd)

. script/parts/report.sh
. script/parts/packages.sh
. script/parts/toolchain.sh
. script/parts/engine.sh
. script/parts/servers.sh
. script/parts/images.sh
