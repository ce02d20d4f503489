#!/usr/bin/env bash
# Installs the system packages that narrowgate builds on; says what it does and skips what is there.
# Debian 12; the Swift toolchain itself is not installed here.
set -euo pipefail

packages=(
    libopenblas-dev    # matrix products
    libdnnl-dev        # bfloat16 products, convolutions
    libnghttp2-dev     # HTTP/2
    libsqlite3-dev     # the store
    libturbojpeg0-dev  # JPEG
    libpng-dev         # PNG
    libpcre2-dev       # tokenizers' regular expressions
    libssl-dev         # libcrypto: digests; libssl: TLS
    zlib1g-dev         # gzip of answers
    pkg-config         # where the above are
    python3            # make lint: the import rules
    python3-venv       # make test-http: hpack, in .build/http; make test-clients
    openssl            # the tests make certificates
    python3-requests python3-pandas python3-matplotlib # the notebook of docs/python.md, which make test runs
    sqlite3 curl       # the demo and the tests talk to the server and the database as a user would
)

if ! command -v swift >/dev/null; then
    echo "setup: no swift on the PATH; install Swift 6.3 for Debian 12 first (https://www.swift.org/install/linux/)" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
    echo "setup: system packages are all there"
    exit 0
fi

echo "setup: installing ${missing[*]}"
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: not root and no sudo; as root run: apt-get install ${missing[*]}" >&2; exit 1; }
    sudo="sudo"
fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
