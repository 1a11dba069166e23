#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Builds etcd, kube-apiserver, kube-controller-manager and kubectl from the versions pinned in
# hack/controlplane/go.mod into bin/controlplane/ (or the directory given as the only argument).
#
# Does nothing when the stamp file there says that the same sources were already built.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

if (($# > 1)); then
  echo "usage: $0 [output directory]" >&2
  exit 2
fi

output="${1:-../../bin/controlplane}"
mkdir -p "${output}"
output="$(cd "${output}" && pwd)"
stamp="${output}/.stamp"

# name=package of each binary.
binaries=(
  etcd=go.etcd.io/etcd/server/v3
  kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver
  kube-controller-manager=k8s.io/kubernetes/cmd/kube-controller-manager
  kubectl=k8s.io/kubernetes/cmd/kubectl
)

export CGO_ENABLED=0 GOWORK=off

# What the binaries are made from. A checksum and not the time of the files: a fresh checkout
# or a restored cache has times that say nothing.
sources() {
  cksum go.mod go.sum "$(basename "${BASH_SOURCE[0]}")"
  go env GOVERSION GOOS GOARCH
}

up_to_date() {
  [[ -f "${stamp}" && "$(cat "${stamp}")" == "$(sources)" ]] || return 1
  local binary
  for binary in "${binaries[@]}"; do
    [[ -x "${output}/${binary%%=*}" ]] || return 1
  done
}

# Without the stamped version the API server calls itself v0.0.0, and so would the version that
# Pod Security Admission takes for "latest".
linker_flags() {
  local version major minor package flags="-s -w"
  version="$(go list -m -f '{{.Version}}' k8s.io/kubernetes)"
  if [[ ! "${version}" =~ ^v([0-9]+)\.([0-9]+)\. ]]; then
    echo "cannot read a version from k8s.io/kubernetes ${version} in go.mod" >&2
    return 1
  fi
  major="${BASH_REMATCH[1]}" minor="${BASH_REMATCH[2]}"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X ${package}.gitVersion=${version}"
    flags+=" -X ${package}.gitMajor=${major} -X ${package}.gitMinor=${minor}"
  done
  echo "${flags}"
}

if up_to_date; then
  echo "control plane is up to date in ${output}"
  exit 0
fi

echo "building the control plane into ${output}"
echo "the first build takes about 7 minutes on 2 cores (kube-apiserver alone 4), later ones half a minute"

flags="$(linker_flags)"

# Each binary is linked beside its place and moved there whole, and the stamp comes last: an
# interrupted build is never taken for a finished one.
rm -f "${stamp}"
partial="$(mktemp -d "${output}/.partial.XXXXXX")"
trap 'rm -rf "${partial}"' EXIT
before="$(sources)"

for binary in "${binaries[@]}"; do
  name="${binary%%=*}"
  started="${SECONDS}"
  echo "  ${name} ..."
  go build -o "${partial}/${name}" -ldflags "${flags}" "${binary#*=}"
  mv -f "${partial}/${name}" "${output}/${name}"
  echo "  ${name} built in $((SECONDS - started)) s"
done

echo "${before}" >"${partial}/stamp"
mv -f "${partial}/stamp" "${stamp}"
echo "control plane built in ${SECONDS} s"
