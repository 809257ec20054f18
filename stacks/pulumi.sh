#!/bin/sh
# Runs Pulumi on this project with all that it needs: stacks/pulumi.sh up --stack local
# or gives a shell the same: eval "$(stacks/pulumi.sh env)"
# A CLI, a login or a passphrase of the user's own is used; where there is none, a CLI is built
# once, and state and passphrase are kept beside the lab's own state.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
tools=$("$top/.venv/bin/python" -m lab.tools.pulumi)
# The language host takes Python from PATH; a provider is found by module.
export PATH="$tools:$top/.venv/bin:$PATH" PYTHONPATH="$top" PULUMI_SKIP_UPDATE_CHECK=true
if [ -z "${PULUMI_BACKEND_URL:-}" ] && ! pulumi whoami --non-interactive >/dev/null 2>&1; then
  kept=${QUORATE_CACHE:-$HOME/.cache/quorate}/pulumi
  mkdir -p "$kept"
  export PULUMI_BACKEND_URL="file://$kept"
  if [ -z "${PULUMI_CONFIG_PASSPHRASE:-}${PULUMI_CONFIG_PASSPHRASE_FILE:-}" ]; then
    export PULUMI_CONFIG_PASSPHRASE_FILE="$kept/passphrase"
    [ -s "$PULUMI_CONFIG_PASSPHRASE_FILE" ] || (
      umask 077
      python -c 'import secrets; print(secrets.token_urlsafe(32))' >"$PULUMI_CONFIG_PASSPHRASE_FILE"
    )
  fi
fi
if [ "${1:-}" = env ]; then
  exec python - <<'EOT'
import os
import shlex

named = ("PATH", "PYTHONPATH", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE")
for name in filter(os.environ.get, named):
    print(f"export {name}={shlex.quote(os.environ[name])}")
EOT
fi
exec pulumi "$@"
