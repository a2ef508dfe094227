#!/bin/bash
# sandbox.sh HOME_DIR TIMEOUT_S COMMAND...
#
# Runs COMMAND with HOME=HOME_DIR and a bare environment in fresh network, mount, pid and uts
# namespaces (needs root).  Only the loopback interface exists inside, so an agent can reach nothing
# but the mock server.  When COMMAND ends, every process it left behind ends with the pid namespace.
# HIDE names a directory (the invoking user's home) that is covered by an empty one.
set -eu
home=$(readlink -f "$1")
limit=$2
shift 2
exec timeout -k 5 "$limit" unshare --net --mount --pid --uts --fork --kill-child --mount-proc \
  bash -c '
set -eu
hostname devbox
ip link set lo up
if [ -n "$2" ]; then mount -t tmpfs -o mode=0700 tmpfs "$2"; fi
home=$1
shift 2
mkdir -p "$home/.config" "$home/.local/share" "$home/.local/state" "$home/.cache"
exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME="$home" USER=user LOGNAME=user \
  SHELL=/bin/bash LANG=C.UTF-8 TERM=xterm-256color PYTHONDONTWRITEBYTECODE=1 TZ=UTC \
  XDG_CONFIG_HOME="$home/.config" XDG_DATA_HOME="$home/.local/share" \
  XDG_STATE_HOME="$home/.local/state" XDG_CACHE_HOME="$home/.cache" "$@"
' _ "$home" "${HIDE:-}" "$@"
