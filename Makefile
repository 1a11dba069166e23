# The targets have the names that kubebuilder gives them. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Generators read what other generators write.
.NOTPARALLEL:

# Image that image pushes to, and that deploy, build-installer and release-artifacts name instead of the released one.
IMG ?=
# Given to the manager by `make run`.
ARGS ?=
# How long `make fuzz` spends on each target.
FUZZTIME ?= 30s
# The least that `make coverage` accepts, in percent, and of what.
COVERAGE ?= 90
COVERED ?= ladder gate standards inventory remedy forecast manifest reportgate
# Talks to the cluster for install, deploy and their opposites.
KUBECTL ?= $(BUILT_KUBECTL)
# For `make sign`: the pushed chart, and flags of cosign in the place of signing keyless.
CHART ?=
SIGNFLAGS ?=
# Stamped into manager, plugin and image.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

BUILT_KUBECTL := bin/controlplane/kubectl
TOOLS := bin/tools
CONTROLLER_GEN := $(TOOLS)/controller-gen
CRD_REF_DOCS := $(TOOLS)/crd-ref-docs
KUSTOMIZE := $(TOOLS)/kustomize
GOLANGCI_LINT := $(TOOLS)/golangci-lint
ACTIONLINT := $(TOOLS)/actionlint
KO := $(TOOLS)/ko
HELM := $(TOOLS)/helm
COSIGN := $(TOOLS)/cosign
KUBE_SCORE := $(TOOLS)/kube-score

# The real control plane that tests run on; KUBEBUILDER_ASSETS replaces it.
CONTROLPLANE := $(if $(KUBEBUILDER_ASSETS),,controlplane)

##@ General

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## "; print "Usage: make [TARGET]" } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: controlplane build ## Watch real workloads climb on a local cluster, which stays up (DEMO_CLEANUP=1 takes it down).
	go run ./hack/demo

##@ Development

.PHONY: generate
generate: $(CONTROLLER_GEN) $(CRD_REF_DOCS) ## Generate code, docs/api.md and docs/conditions.md from the API types, docs/metrics.md from the metrics, docs/cli from the plugin's commands.
	rm -rf api/v1alpha1/applyconfiguration
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt applyconfiguration:headerFile=hack/boilerplate.go.txt paths=./api/v1alpha1
	$(CRD_REF_DOCS) --log-level=ERROR --config=hack/crd-ref-docs.yaml --templates-dir=hack/crd-ref-docs \
	  --source-path=api/v1alpha1 --renderer=markdown --output-path=docs/api.md
	go run ./hack/reasons
	go run ./hack/metricsdoc
	go test ./cmd/kubectl-podsecurity -count=1 -run '^TestDocs$$' -update

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Generate the CRDs and the manager's ClusterRole.
	$(CONTROLLER_GEN) crd rbac:roleName=manager paths=./api/v1alpha1 paths=./controllers \
	  output:crd:dir=config/crd/bases output:rbac:dir=config/rbac

.PHONY: chart
chart: $(KUSTOMIZE) ## Generate what of the Helm chart comes from config, and its README.
	$(KUSTOMIZE) build config/chart | go run ./hack/chart

.PHONY: fmt
fmt: ## Format the Go code.
	go fmt ./...

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) $(ACTIONLINT) lint-install ## Run golangci-lint, kube-api-linter on the API types, kube-score on the manifests and actionlint on the workflows.
	# It knows the inputs of an action by its major version only.
	for workflow in .github/workflows/*.yaml; do \
	  sed -E 's/(@v[0-9]+)\.[0-9.]+$$/\1/' "$$workflow" | $(ACTIONLINT) -stdin-filename "$$workflow" -; \
	done
	$(GOLANGCI_LINT) run
	$(GOLANGCI_LINT) run --config .golangci-kal.yml ./api/...

# What kube-score is not to ask for:
# - pulling always: a release's tag or digest stands for one image;
# - a fixed user: the image's is numeric and not root, and OpenShift gives one of its own;
# - pods never on one node: topology spread asks for it, config/high-availability insists;
# - a limit of the CPU: throttling would delay the renewal of the lease.
SCORE_FLAGS := --kubernetes-version v1.37 --exit-one-on-warning --enable-optional-test container-seccomp-profile \
  --ignore-container-cpu-limit $(addprefix --ignore-test ,container-image-pull-policy container-security-context-user-group-id deployment-has-host-podantiaffinity)

.PHONY: lint-install
lint-install: $(KUBE_SCORE) $(KUSTOMIZE) ## Run kube-score on what is installed.
	for overlay in default high-availability; do $(KUSTOMIZE) build config/$$overlay | $(KUBE_SCORE) score $(SCORE_FLAGS) -; done

.PHONY: verify
verify: generate manifests chart ## Fail when generated files, go.mod files or formatting are not what they should be.
	hack/verify.sh $(KUSTOMIZE)

##@ Tests

.PHONY: test
test: $(CONTROLPLANE) ## Run all tests, on a control plane built from source unless KUBEBUILDER_ASSETS names one.
	go test -timeout 20m ./...
	go -C test/chart test -timeout 20m ./...
	go -C test/images test -timeout 20m ./...

.PHONY: test-alerts
test-alerts: ## Check the alerts and run their tests with promtool, which is built the first time (3 minutes).
	go test ./test/monitoring -count=1 -run '^Test(Rules|Alerts)'

.PHONY: coverage
coverage: ## Fail when a package of COVERED has less than COVERAGE percent of its statements tested by itself.
	@go test -cover $(COVERED:%=./internal/%) | tee bin/coverage.txt
	@awk -v least=$(COVERAGE) '{ for (i = 1; i < NF; i++) if ($$i == "coverage:") { seen++; if ($$(i+1) + 0 < least) { print "less than " least "%: " $$2; low = 1 } } } \
	  END { exit low || !seen }' bin/coverage.txt

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME.
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' api cmd controllers internal test | \
	  sed -E 's|/[^/]*:func | |' | while read -r package target; do \
	    echo "$$package $$target"; \
	    go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "./$$package"; \
	  done

.PHONY: bench
bench: ## Run every benchmark.
	go test -run='^$$' -bench=. -benchmem -timeout 30m ./...

##@ Local cluster

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into bin/controlplane (about 7 minutes the first time).
	hack/controlplane/build.sh

.PHONY: cluster-up
cluster-up: $(CONTROLPLANE) ## Start a local cluster and write bin/cluster/kubeconfig.
	go run ./hack/cluster up

.PHONY: cluster-down
cluster-down: ## Stop the local cluster and remove its data.
	go run ./hack/cluster down

##@ Build

.PHONY: build
build: ## Build the manager and the kubectl plugin into bin/.
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/manager ./cmd/kubectl-podsecurity

.PHONY: run
run: ## Run the manager here against the cluster of your kubeconfig; ARGS are its flags.
	go run ./cmd/manager $(ARGS)

.PHONY: build-installer
build-installer: $(KUSTOMIZE) ## Write dist/install.yaml: the CRDs and the operator in one file.
	mkdir -p dist
	$(render) > dist/install.yaml

##@ Release, see docs/release.md

.PHONY: image
image: $(KO) ## Build the image for amd64 and arm64 and push it to IMG; without IMG write it to dist/image as an OCI layout.
	VERSION='$(VERSION)' hack/image.sh $(KO) $(IMG)

.PHONY: release-artifacts
release-artifacts: $(KUSTOMIZE) $(HELM) ## Write the files of release VERSION to dist: install.yaml and chart with IMG by digest, plugin, checksums.
	hack/release.sh $(VERSION) '$(IMG)' $(KUSTOMIZE) $(HELM)

.PHONY: sign
sign: $(COSIGN) ## Sign IMG and CHART, both by digest, attest the SBOMs and sign checksums.txt of dist; SIGNFLAGS are flags of cosign.
	hack/sign.sh $(COSIGN) '$(IMG)' '$(CHART)' $(SIGNFLAGS)

##@ Deployment, to the cluster of your kubeconfig

.PHONY: install
install: $(KUSTOMIZE) $(filter $(BUILT_KUBECTL),$(KUBECTL)) ## Install the CRDs.
	$(KUSTOMIZE) build config/crd | $(KUBECTL) apply --server-side --force-conflicts -f -

.PHONY: uninstall
uninstall: $(KUSTOMIZE) $(filter $(BUILT_KUBECTL),$(KUBECTL)) ## Remove the CRDs, and every rollout with them; labels stay.
	$(KUSTOMIZE) build config/crd | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: deploy
deploy: $(KUSTOMIZE) $(filter $(BUILT_KUBECTL),$(KUBECTL)) ## Deploy the operator, with the image IMG when it is given.
	$(render) | $(KUBECTL) apply --server-side --force-conflicts -f -

.PHONY: undeploy
undeploy: $(KUSTOMIZE) $(filter $(BUILT_KUBECTL),$(KUBECTL)) ## Remove the operator and the CRDs; labels stay.
	$(render) | $(KUBECTL) delete --ignore-not-found -f -

# All of the operator as YAML, with IMG in the place of the manager's image.
render = $(KUSTOMIZE) build config/default $(if $(IMG),| sed -E 's|^( +image: ).*|\1$(IMG)|')

$(BUILT_KUBECTL):
	hack/controlplane/build.sh

# Tools, at the versions pinned in hack/tools.
$(GOLANGCI_LINT): hack/tools/lint/go.mod hack/tools/lint/go.sum
	go -C hack/tools/lint build -o $(CURDIR)/$@ tool
	touch $@

$(KO): hack/tools/ko/go.mod hack/tools/ko/go.sum
	go -C hack/tools/ko build -o $(CURDIR)/$@ tool
	touch $@

$(COSIGN): hack/tools/cosign/go.mod hack/tools/cosign/go.sum
	go -C hack/tools/cosign build -o $(CURDIR)/$@ tool
	touch $@

# The chart's tests are run with the same Helm.
$(HELM): test/chart/go.mod test/chart/go.sum
	go -C test/chart build -o $(CURDIR)/$@ helm.sh/helm/v4/cmd/helm
	touch $@

$(KUBE_SCORE): hack/tools/kubescore/go.mod hack/tools/kubescore/go.sum
	go -C hack/tools/kubescore build -o $(CURDIR)/$@ tool
	touch $@

$(TOOLS)/%: hack/tools/go.mod hack/tools/go.sum
	go -C hack/tools build -o $(CURDIR)/$(TOOLS)/ tool
	touch $@
