#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Signs what was pushed, and dist/checksums.txt, with cosign: keyless, as the workflow that runs it. The SBOMs that
# `make image` wrote become attestations of the images they are of.
# Usage: hack/sign.sh COSIGN IMAGE@DIGEST CHART@DIGEST [FLAG of cosign, such as --key=cosign.key]...

set -euo pipefail

usage="usage: hack/sign.sh path-of-cosign image@digest chart@digest [flag of cosign]..."
cosign="$(realpath "${1:?${usage}}")" image="${2:?${usage}}" chart="${3:?${usage}}"
shift 3
flags=(--yes "$@")

"${cosign}" sign "${flags[@]}" --recursive "${image}" # the index, and the image of each platform
"${cosign}" sign "${flags[@]}" "${chart}"

dist="$(dirname "${BASH_SOURCE[0]}")/../dist"
for sbom in "${dist}"/manager-*.spdx.json; do
  subject="$(sed -nE 's/^  "name": "sbom-(sha256:[0-9a-f]{64})",$/\1/p' "${sbom}")"
  "${cosign}" attest "${flags[@]}" --type=spdxjson --predicate="${sbom}" "${image%@*}@${subject:?no digest in ${sbom}}"
done

"${cosign}" sign-blob "${flags[@]}" --bundle="${dist}/checksums.txt.sigstore.json" "${dist}/checksums.txt"
