#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Fails when what is committed is not what it should be: generated files, go.mod files, formatting,
# manifests that kustomize cannot build. `make verify` runs it, after the generators.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# != 1)); then
  echo "usage: $0 path-of-kustomize" >&2
  exit 2
fi
kustomize="$1"
failures=0

fail() {
  echo "verify: $1" >&2
  failures=$((failures + 1))
}

# What `make generate manifests chart` writes, whole directories where it owns them.
generated=(
  api/v1alpha1/applyconfiguration
  api/v1alpha1/zz_generated.deepcopy.go
  charts
  config/crd/bases
  config/rbac/role.yaml
  docs/api.md
  docs/cli
  docs/conditions.md
  docs/metrics.md
)

# Status and not diff: a generated file that nobody committed is a difference too.
changes="$(git status --porcelain --untracked-files=all -- "${generated[@]}")"
if [[ -n "${changes}" ]]; then
  echo "${changes}"
  git --no-pager diff -- "${generated[@]}"
  fail "generated files differ from what is committed: run 'make generate manifests chart' and commit"
fi

while IFS= read -r file; do
  module="$(dirname "${file}")"
  if ! GOWORK=off go -C "${module}" mod tidy -diff; then
    fail "${file} is not tidy: run 'go -C ${module} mod tidy'"
  fi
done < <(git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod')

unformatted="$(git ls-files -z --cached --others --exclude-standard -- '*.go' | xargs -0 gofmt -l)"
if [[ -n "${unformatted}" ]]; then
  echo "${unformatted}"
  fail "files are not formatted: run 'make fmt'"
fi

for overlay in config/crd config/default config/operator config/high-availability config/prometheus config/samples; do
  if ! "${kustomize}" build "${overlay}" >/dev/null; then
    fail "kustomize cannot build ${overlay}"
  fi
done

if ((failures > 0)); then
  exit 1
fi
echo "verify: generated files, go.mod files, formatting and manifests are in order"
