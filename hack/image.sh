#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Builds the operator's image for amd64 and arm64 by ko, and pushes it to IMAGE, or without one writes it to
# dist/image as an OCI layout. Beside it, in dist: image.txt, the reference by digest, and the SBOMs (SPDX).
# Usage: VERSION=v0.1.0 hack/image.sh KO [IMAGE]
#
# The same source and base give the same digest. REVISION and SOURCE_DATE_EPOCH replace what is found here.

set -euo pipefail

ko="$(realpath "${1:?usage: VERSION=v0.1.0 hack/image.sh KO [IMAGE]}")"
image="${2:-}"
export VERSION="${VERSION:?give the version to stamp, such as VERSION=v0.1.0}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
revision="${REVISION:-$(git rev-parse HEAD)}"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"

# By number, as the kubelet must see that it is not root, whatever the base says.
flags=(--bare --image-user=65532:65532 --sbom-dir=dist)
for about in \
  title=podsecurity-rollout \
  "description=Rolls out the Pod Security Standards one namespace and one level at a time" \
  source=https://github.com/podsecurity-rollout/operator \
  licenses=Apache-2.0 \
  "version=${VERSION}" \
  "revision=${revision}"; do
  flags+=(--image-label="org.opencontainers.image.${about}" --image-annotation="org.opencontainers.image.${about}")
done

mkdir -p dist
if [[ -n "${image}" ]]; then
  name="${image##*/}"
  if [[ "${name}" == *:* ]]; then
    flags+=(--tags="${name#*:}")
    image="${image%":${name#*:}"}"
  else
    flags+=(--tags="${VERSION}")
  fi
  export KO_DOCKER_REPO="${image}"
else
  rm -rf dist/image
  flags+=(--push=false --oci-layout-path=dist/image)
fi
"${ko}" build "${flags[@]}" ./cmd/manager | tee dist/image.txt
