#!/bin/bash
# Runs every notebook in the real Deno kernel of Jupyter, and opens each once in a browser.
#
# Installs what it needs from Debian, unless it is there: python3-jupyter-client for the kernel,
# jupyter-notebook for the page, chromium to look at it. DENO names the Deno to use.
set -euo pipefail
cd "$(dirname "$0")/../.."

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

have_packages() {
  /usr/bin/python3 -c "import jupyter_client" 2>/dev/null &&
    command -v chromium >/dev/null && jupyter notebook --version >/dev/null 2>&1
}

if ! have_packages; then
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends \
    python3-jupyter-client jupyter-notebook chromium fonts-dejavu-core >/dev/null
  have_packages
fi

deno=${DENO:-deno}
kernels=$(mktemp -d)
trap 'rm -rf "$kernels"' EXIT
"$deno" run --allow-all tools/notebook/serve.ts --kernels "$kernels"
/usr/bin/python3 tools/notebook/jupyter.py "$kernels" notebooks/*.ipynb
for notebook in notebooks/*.ipynb; do
  "$deno" run --allow-all tools/notebook/browser.ts "$notebook"
done
