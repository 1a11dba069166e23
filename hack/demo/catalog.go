// SPDX-License-Identifier: Apache-2.0

package main

import "k8s.io/utils/ptr"

// Where manifests come from: two modules of the Go module cache, and this directory.
const (
	fromKubernetes  = "k8s.io/kubernetes"
	fromPodSecurity = "k8s.io/pod-security-admission"
	fromHere        = "hack/demo"
)

// The paths inside k8s.io/kubernetes.
const (
	addons  = "cluster/addons/"
	e2e     = "test/e2e/testing-manifests/"
	docYAML = "test/fixtures/doc-yaml/"
)

// namespaceSpec is a namespace of the demo and what runs in it.
type namespaceSpec struct {
	name      string
	labels    map[string]string
	manifests []manifest
}

// manifest is a file whose workloads, all of them, are created.
type manifest struct {
	from, path string
	// replicas overrides that of the manifest.
	replicas *int64
}

func team(name, env string) map[string]string {
	return map[string]string{"team": name, "env": env}
}

func fromK8s(paths ...string) []manifest {
	var list []manifest
	for _, path := range paths {
		list = append(list, manifest{from: fromKubernetes, path: path})
	}
	return list
}

// The one workload that the demo mends: a DaemonSet that takes a port of its node.
const (
	mendedNamespace = "monitoring"
	mendedKind      = "DaemonSet"
	mendedName      = "prometheus-node-exporter"
	mendedPatch     = `[{"op":"remove","path":"/spec/template/spec/containers/0/ports/0/hostPort"}]`
)

// catalog is chosen so that the namespaces end up on different rungs: some meet restricted, some
// baseline, some neither, and two of those run no pod that the API server could see.
var catalog = []namespaceSpec{
	{"batch", team("data", "prod"), append(
		fromK8s(docYAML+"user-guide/job.yaml", e2e+"kubectl/busybox-cronjob.yaml.in"),
		manifest{from: fromHere, path: "manifests/monthly-report.yaml"})},
	{"databases", team("data", "prod"), fromK8s(
		e2e+"statefulset/cockroachdb/statefulset.yaml",
		e2e+"statefulset/etcd/statefulset.yaml",
		e2e+"statefulset/mysql-upgrade/statefulset.yaml",
		e2e+"statefulset/zookeeper/statefulset.yaml")},
	{"events", team("platform", "dev"), []manifest{
		{from: fromKubernetes, path: addons + "fluentd-gcp/event-exporter.yaml", replicas: ptr.To[int64](0)}}},
	{"guestbook", team("shop", "dev"), fromK8s(
		e2e+"guestbook/legacy/frontend-controller.yaml",
		e2e+"guestbook/legacy/redis-master-controller.yaml",
		docYAML+"user-guide/replicaset/redis-slave.yaml")},
	{"hardened", team("platform", "prod"), []manifest{
		{from: fromPodSecurity, path: "test/testdata/restricted/v1.37/pass/base.yaml"},
		{from: fromHere, path: "manifests/ledger.yaml"}}},
	{"logging", team("platform", "prod"), fromK8s(
		addons+"fluentd-gcp/fluentd-gcp-ds.yaml",
		addons+"fluentd-gcp/scaler-deployment.yaml")},
	{"monitoring", team("platform", "prod"), fromK8s(
		docYAML+"admin/daemon.yaml",
		addons+"metrics-server/metrics-server-deployment.yaml")},
	{"networking", team("platform", "prod"), fromK8s(
		addons+"calico-policy-controller/calico-node-daemonset.yaml",
		addons+"calico-policy-controller/typha-deployment.yaml",
		addons+"ip-masq-agent/ip-masq-agent.yaml",
		addons+"kube-network-policies/kube-network-policies.yaml")},
	{"shop", team("shop", "prod"), []manifest{
		{from: fromPodSecurity, path: "webhook/manifests/50-deployment.yaml"}}},
	{"storage", team("platform", "prod"), fromK8s(
		e2e+"storage-csi/hostpath/hostpath/csi-hostpath-plugin.yaml",
		addons+"volumesnapshots/volume-snapshot-controller/volume-snapshot-controller-deployment.yaml")},
}
