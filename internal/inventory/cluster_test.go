// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// The cluster that the figures of memory and speed are taken of.
const (
	clusterPods       = 20_000
	clusterNamespaces = 200
	clusterProfiles   = 300
	podsPerNamespace  = clusterPods / clusterNamespaces
)

// replicas are the sizes of a namespace's Deployments, in turn: many small ones, few large ones.
var replicas = []int{1, 2, 3, 2, 5, 3, 10, 4, 25, 5}

// deployment is one of the cluster's, counted through all namespaces.
type deployment struct {
	number          int
	namespace, name string
	replicas        int
}

// clusterDeployments fill each namespace with podsPerNamespace pods.
func clusterDeployments() []deployment {
	var all []deployment
	for ns := range clusterNamespaces {
		for left := podsPerNamespace; left > 0; {
			number := len(all)
			size := min(left, replicas[number%len(replicas)])
			left -= size
			all = append(all, deployment{
				number: number, namespace: fmt.Sprintf("team-%03d-production", ns), name: fmt.Sprintf("checkout-service-%d", number), replicas: size,
			})
		}
	}
	return all
}

func (d deployment) replicaSet() string { return fmt.Sprintf("%s-%010x", d.name, d.number*2654435761) }

func (d deployment) pod(i int) *corev1.Pod {
	name := fmt.Sprintf("%s-%05x", d.replicaSet(), (d.number*31+i)*40503%0xfffff)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: d.namespace, GenerateName: d.replicaSet() + "-", UID: types.UID(fmt.Sprintf("0b8f5b1c-6a0e-4d0a-9f3e-%012d", d.number*100+i)),
			ResourceVersion: "123456789", CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0)),
			Labels: map[string]string{"app.kubernetes.io/name": d.name, "app.kubernetes.io/instance": d.name, "pod-template-hash": "7d9f8b6c5d", "team": d.namespace},
			Annotations: map[string]string{
				"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "checksum/config": strings.Repeat("a1b2c3d4", 8),
				"kubectl.kubernetes.io/restartedAt": "2026-11-20T09:00:00Z",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: d.replicaSet(), UID: "5b8f5b1c-6a0e-4d0a-9f3e-1234567890ab",
				Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}},
			ManagedFields: managedFields(),
		},
		Spec:   d.podSpec(i),
		Status: podStatus(2),
	}
}

func managedFields() []metav1.ManagedFieldsEntry {
	raw := func(n int) *metav1.FieldsV1 {
		return metav1.NewFieldsV1(`{"f:metadata":{` + strings.Repeat(`"f:labels":{".":{},"f:app.kubernetes.io/name":{}},`, n) + `"f:x":{}}}`)
	}
	at := metav1.NewTime(time.Unix(1_700_000_000, 0))
	return []metav1.ManagedFieldsEntry{
		{Manager: "kube-controller-manager", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &at, FieldsType: "FieldsV1", FieldsV1: raw(24)},
		{Manager: "kubelet", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &at, FieldsType: "FieldsV1", FieldsV1: raw(12), Subresource: "status"},
	}
}

// podSpec has a volume of a random name in each pod, and one of clusterProfiles security settings in each Deployment.
func (d deployment) podSpec(i int) corev1.PodSpec {
	token := fmt.Sprintf("kube-api-access-%05d", d.number*100+i)
	return corev1.PodSpec{
		NodeName: fmt.Sprintf("node-%d", i), ServiceAccountName: "default", DeprecatedServiceAccount: "default", SchedulerName: "default-scheduler",
		RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, TerminationGracePeriodSeconds: ptr.To[int64](30),
		EnableServiceLinks: ptr.To(true), Priority: ptr.To[int32](0), PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
		Tolerations: []corev1.Toleration{
			{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To[int64](300)},
			{Key: "node.kubernetes.io/unreachable", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To[int64](300)},
		},
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "config"}}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: token, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: ptr.To[int32](0o644), Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: ptr.To[int64](3607), Path: "token"}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}},
			}}}},
		},
		SecurityContext: d.podSecurityContext(),
		InitContainers:  []corev1.Container{d.container("migrate", token, 1)}[:d.number%4/3],
		Containers:      []corev1.Container{d.container(d.mainContainer(), token, 5+d.number%3*10), d.container("sidecar", token, 2)}[:1+d.number%2],
	}
}

// variant is which of the distinct profiles a Deployment has.
func (d deployment) variant() int { return d.number % clusterProfiles }

func (d deployment) mainContainer() string { return fmt.Sprintf("app-%d", d.variant()/2) }

func (d deployment) podSecurityContext() *corev1.PodSecurityContext {
	sc := &corev1.PodSecurityContext{FSGroup: ptr.To[int64](2000)}
	if d.variant()%2 == 0 {
		sc.RunAsNonRoot = ptr.To(true)
		sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	return sc
}

func (d deployment) container(name, token string, variables int) corev1.Container {
	c := corev1.Container{
		Name: name, Image: "registry.example.com/platform/" + name + "@sha256:" + strings.Repeat("0f", 32), ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{"/usr/local/bin/server"}, Args: []string{"--config=/etc/config/config.yaml", "--log-level=info"},
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}, {Name: "metrics", ContainerPort: 9090, Protocol: corev1.ProtocolTCP}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("256Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "config", MountPath: "/etc/config", ReadOnly: true}, {Name: "tmp", MountPath: "/tmp"},
			{Name: token, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true},
		},
		LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http"), Scheme: "HTTP"}}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	if d.variant()%4 == 3 {
		c.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}
	}
	for i := range variables {
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("APPLICATION_SETTING_%02d", i), Value: "https://service.example.com/v1"})
	}
	return c
}

func podStatus(containers int) corev1.PodStatus {
	at := metav1.NewTime(time.Unix(1_700_000_000, 0))
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: "10.0.12.34", HostIPs: []corev1.HostIP{{IP: "10.0.12.34"}}, PodIP: "10.1.2.3", PodIPs: []corev1.PodIP{{IP: "10.1.2.3"}},
		QOSClass: corev1.PodQOSBurstable, StartTime: &at,
	}
	for _, condition := range []corev1.PodConditionType{"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: at})
	}
	for i := range containers {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: fmt.Sprint("c", i), Ready: true, Started: ptr.To(true), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}},
			Image: "registry.example.com/platform/app", ImageID: "registry.example.com/platform/app@sha256:" + strings.Repeat("0f", 32),
			ContainerID: "containerd://" + strings.Repeat("0f", 32),
		})
	}
	return status
}

// template is the pod template that the Deployment and its ReplicaSet carry.
func (d deployment) template() corev1.PodTemplateSpec {
	template := corev1.PodTemplateSpec{Spec: d.podSpec(0)}
	template.Spec.Volumes = template.Spec.Volumes[:2]
	return template
}

func (d deployment) objects() (*appsv1.Deployment, *appsv1.ReplicaSet) {
	labels := map[string]string{"app.kubernetes.io/part-of": d.namespace}
	meta := metav1.ObjectMeta{Namespace: d.namespace, Name: d.name, Labels: labels}
	ownedMeta := metav1.ObjectMeta{Namespace: d.namespace, Name: d.replicaSet(), Labels: labels, OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "Deployment", Name: d.name, Controller: ptr.To(true)},
	}}
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: d.template()}},
		&appsv1.ReplicaSet{ObjectMeta: ownedMeta, Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(d.replicas)), Template: d.template()}}
}

// eachPod decodes every pod of the cluster from protobuf, as a watch does, so that no two share a string.
func eachPod(tb testing.TB, visit func(*corev1.Pod)) {
	tb.Helper()
	for _, d := range clusterDeployments() {
		for i := range d.replicas {
			encoded, err := d.pod(i).Marshal()
			if err != nil {
				tb.Fatal(err)
			}
			pod := &corev1.Pod{}
			if err := pod.Unmarshal(encoded); err != nil {
				tb.Fatal(err)
			}
			visit(pod)
		}
	}
}

// informerStore is what a default informer keeps.
func informerStore(tb testing.TB) cache.Indexer {
	tb.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	eachPod(tb, func(pod *corev1.Pod) {
		if err := indexer.Add(pod); err != nil {
			tb.Fatal(err)
		}
	})
	return indexer
}

// filledInventory is what we keep of the same pods, and of the Deployments and ReplicaSets besides, which the informer's store does not have. Objects
// arrive as the reflector's lists do.
func filledInventory(tb testing.TB) *Inventory {
	tb.Helper()
	i := New(mustEvaluator(tb), Options{})
	lists := map[kind][]any{}
	add := func(k kind, obj any) {
		r, err := i.reduce(k, obj)
		if err != nil {
			tb.Fatal(err)
		}
		lists[k] = append(lists[k], r)
	}
	eachPod(tb, func(pod *corev1.Pod) { add(pods, pod) })
	for _, d := range clusterDeployments() {
		deployment, replicaSet := d.objects()
		add(deployments, deployment)
		add(replicaSets, replicaSet)
	}
	for k := range builtinCount {
		if err := (&store{inventory: i, kind: k}).Replace(lists[k], ""); err != nil {
			tb.Fatal(err)
		}
	}
	return i
}

// heapPerPod is the heap that what fill makes, and its caller keeps, takes, in bytes a pod.
func heapPerPod(fill func()) float64 {
	before := heap()
	fill()
	return (float64(heap()) - float64(before)) / clusterPods
}

func heap() uint64 {
	var stats runtime.MemStats
	for range 3 { // the second collects what the first finalized, the third what interning let go
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
