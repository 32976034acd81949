#!/usr/bin/env bash
# Makes a Python with the management packages of Azure, for the tests of the control plane, in the cache; prints its path.
# usage: azure-python.sh     (half a minute, once; what is there stays)
set -euo pipefail
home="${XDG_CACHE_HOME:-$HOME/.cache}/arcwright/azure"
packages=(
  azure-identity==1.27.0
  azure-mgmt-hybridkubernetes==2.0.0
  azure-mgmt-kubernetesconfiguration==3.1.0
  azure-mgmt-kubernetesconfiguration-fluxconfigurations==1.0.0
)
if ! "$home/bin/python" -c "import azure.identity, azure.mgmt.hybridkubernetes, azure.mgmt.kubernetesconfiguration.fluxconfigurations" 2>/dev/null; then
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >&2 || { rm -rf "$home"; exit 1; }
fi
echo "$home/bin/python"
