#!/bin/sh
# A client of the OpenUsage daemon from spec/jsonrpc.md alone.
# usage: client.sh METHOD [PARAMS-JSON]
# Prints the answer's line; exit 69 when no program here can speak to a Unix socket.
state="${XDG_STATE_HOME:-$HOME/.local/state}"
socket="${OPENUSAGE_TELEMETRY_SOCKET:-$state/openusage/telemetry.sock}"
params="${2:-}"
test -n "$params" || params='{}'
request=$(printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}' "$1" "$params")
if command -v socat >/dev/null 2>&1; then
    printf '%s\n' "$request" | socat -t 5 - "UNIX-CONNECT:$socket"
elif nc -h 2>&1 | grep -q -e '-[A-Za-z]*U'; then
    printf '%s\n' "$request" | nc -N -U "$socket"
elif command -v curl >/dev/null 2>&1 && curl --version | grep -q telnet; then
    # telnet:// is curl's only raw protocol; it does not end by itself
    printf '%s\n' "$request" | curl -sN --max-time 1 --unix-socket "$socket" telnet://localhost
    status=$?
    test $status -eq 28 || exit $status
else
    echo "no socat, no nc with -U, no curl with telnet" >&2
    exit 69
fi
