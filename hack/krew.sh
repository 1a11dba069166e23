#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Builds the plugin's archives for all platforms into dist/, and dist/podsecurity.yaml, the krew manifest with their sums.
# Usage: hack/krew.sh VERSION, such as v0.1.0.

set -euo pipefail

version="${1:?usage: hack/krew.sh VERSION, such as v0.1.0}"
if [[ ! "${version}" =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  echo "krew.sh: ${version} is no version: give one such as v0.1.0" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p dist
cp config/krew/podsecurity.yaml dist/podsecurity.yaml
sed -i '/^#/d' dist/podsecurity.yaml
for platform in linux_amd64 linux_arm64 darwin_amd64 darwin_arm64 windows_amd64; do
  os="${platform%_*}" arch="${platform#*_}"
  binary=kubectl-podsecurity
  [[ "${os}" == windows ]] && binary+=.exe
  work="$(mktemp -d)"
  CGO_ENABLED=0 GOOS="${os}" GOARCH="${arch}" go build -trimpath -ldflags "-s -w -X main.version=${version}" -o "${work}/${binary}" ./cmd/kubectl-podsecurity
  cp LICENSE "${work}/"
  tar -C "${work}" --sort=name --owner=0 --group=0 --mtime='UTC 2020-01-01' -czf "dist/kubectl-podsecurity_${platform}.tar.gz" "${binary}" LICENSE
  rm -rf "${work}"
  sum="$(sha256sum "dist/kubectl-podsecurity_${platform}.tar.gz" | cut -d' ' -f1)"
  sed -i "s/SHA256_${os^^}_${arch^^}/${sum}/" dist/podsecurity.yaml
done
sed -i "s/VERSION/${version#v}/g" dist/podsecurity.yaml
echo "dist/podsecurity.yaml"
