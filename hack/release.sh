#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Writes what a release publishes beside its image into dist/: the Helm chart and dist/install.yaml with the image by
# digest, the plugin's archives, the krew manifest, and checksums.txt of all these and the SBOMs of `make image`.
# Usage: hack/release.sh VERSION IMAGE@DIGEST KUSTOMIZE HELM

set -euo pipefail

usage="usage: hack/release.sh v0.1.0 registry/operator@sha256:… path-of-kustomize path-of-helm"
version="${1:?${usage}}" image="${2:?${usage}}" kustomize="$(realpath "${3:?${usage}}")" helm="$(realpath "${4:?${usage}}")"
if [[ ! "${image}" =~ ^(.+)@(sha256:[0-9a-f]{64})$ ]]; then
  echo "release.sh: ${image} is no image by digest: give what \`make image\` wrote to dist/image.txt" >&2
  exit 2
fi
repository="${BASH_REMATCH[1]}" digest="${BASH_REMATCH[2]}"
[[ "${repository##*/}" == *:* ]] && repository="${repository%:*}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/krew.sh "${version}" # refuses what is no version

"${kustomize}" build config/default | sed -E "s|^( +image: ).*|\1${repository}@${digest}|" > dist/install.yaml

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT
cp -r charts/podsecurity-rollout "${work}/"
sed -i -E "s|^(  repository: ).*|\1${repository}|; s|^(  digest: ).*|\1${digest}|" "${work}/podsecurity-rollout/values.yaml"
find "${work}" -exec touch -d '2020-01-01 UTC' {} + # the archive has these times
chart="podsecurity-rollout-${version#v}.tgz"
"${helm}" package "${work}/podsecurity-rollout" --version "${version#v}" --app-version "${version}" --destination dist

# Both ways to install have the image that was built, and no other.
for rendered in "$(cat dist/install.yaml)" "$("${helm}" template "dist/${chart}")"; do
  images="$(sed -nE 's/^ +image: "?([^"]*)"?$/\1/p' <<<"${rendered}")"
  if [[ "${images}" != "${repository}@${digest}" ]]; then
    echo "release.sh: an install has the image ${images}, not ${repository}@${digest}" >&2
    exit 1
  fi
done

cd dist
sha256sum install.yaml "${chart}" kubectl-podsecurity_*.tar.gz podsecurity.yaml manager-*.spdx.json > checksums.txt
cat checksums.txt
