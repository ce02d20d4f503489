#!/usr/bin/env bash
# Checks the files under Config with the programs that will read them, as far as these are installed: nginx -t,
# systemd-analyze verify, and a JSON parser for the dashboard.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d "${TMPDIR:-/tmp}/narrowgate-config.XXXXXX")
trap 'rm -rf "$work"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

if command -v nginx >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=lab.example \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    sed -e "s#/etc/ssl/certs/lab.example.pem#$work/cert.pem#" -e "s#/etc/ssl/private/lab.example.key#$work/key.pem#" \
        Config/nginx/narrowgate.conf >"$work/site.conf"
    printf 'pid %s/pid;\nevents {}\nhttp {\n  access_log off;\n  include %s/site.conf;\n}\n' "$work" "$work" >"$work/nginx.conf"
    nginx -t -q -e "$work/error.log" -p "$work" -c "$work/nginx.conf"
    echo "config: nginx takes Config/nginx/narrowgate.conf"
else
    echo "config: nginx is not installed; Config/nginx/narrowgate.conf is not checked"
fi

if command -v systemd-analyze >/dev/null; then
    # The binary need not be installed for its unit to be right.
    sed 's#^ExecStart=/usr/local/bin/narrowgate#ExecStart=/bin/true#' Config/systemd/narrowgate.service \
        >"$work/narrowgate.service"
    complaints=$(systemd-analyze verify "$work/narrowgate.service" 2>&1 | grep -F narrowgate.service || true)
    [ -z "$complaints" ] || { echo "$complaints" >&2; exit 1; }
    echo "config: systemd takes Config/systemd/narrowgate.service"
else
    echo "config: systemd-analyze is not installed; Config/systemd/narrowgate.service is not checked"
fi

python3 -m json.tool Config/grafana/narrowgate.json >/dev/null
echo "config: the dashboard is JSON"
