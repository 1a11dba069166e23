// SPDX-License-Identifier: Apache-2.0

package workloadkinds

// wellKnown are written as a flag would be. docs/workloads.md lists them for users, and controllers/operator.go has the rights to watch them.
var wellKnown = []string{
	// Argo Rollouts: pods belong to a ReplicaSet, that to its Rollout. One with workloadRef has no template; the Deployment it refers to has.
	"argoproj.io/v1alpha1/Rollout=spec.template",

	// Knative Serving: pods → ReplicaSet → Deployment → Revision → Configuration → Service. A Revision shows in its Deployment.
	"serving.knative.dev/v1/Service=spec.template",
	"serving.knative.dev/v1/Configuration=spec.template",
	"serving.knative.dev/v1/Revision",

	// OpenKruise: its controllers own their pods themselves.
	"apps.kruise.io/v1alpha1/CloneSet=spec.template",
	"apps.kruise.io/v1alpha1/DaemonSet=spec.template",
	"apps.kruise.io/v1beta1/StatefulSet=spec.template",

	// KubeVirt: the pod of a machine is made of no template; it belongs to the VirtualMachineInstance, and that to its VirtualMachine.
	"kubevirt.io/v1/VirtualMachine",
	"kubevirt.io/v1/VirtualMachineInstance",

	// Tekton: see tekton.go. Pods of a TaskRun count for it, as their owner reference names it.
	"tekton.dev/v1/Task=spec:steps",

	// Batch kinds with more than one template.
	"jobset.x-k8s.io/v1alpha2/JobSet=spec.replicatedJobs[*].template.spec.template",
	"leaderworkerset.x-k8s.io/v1/LeaderWorkerSet=spec.leaderWorkerTemplate.leaderTemplate+spec.leaderWorkerTemplate.workerTemplate",
	"kubeflow.org/v1/PyTorchJob=spec.pytorchReplicaSpecs[*].template",
	"kubeflow.org/v1/TFJob=spec.tfReplicaSpecs[*].template",
}

// WellKnown answers the kinds that the operator knows by itself. Each is watched only where it is served.
func WellKnown() []Kind {
	kinds := make([]Kind, 0, len(wellKnown))
	for _, value := range wellKnown {
		kind, err := Parse(value)
		if err != nil {
			panic(err) // a test reads them all
		}
		kinds = append(kinds, kind)
	}
	return kinds
}
