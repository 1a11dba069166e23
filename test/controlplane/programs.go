// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
)

const (
	etcdProgram              = "etcd"
	apiServerProgram         = "kube-apiserver"
	controllerManagerProgram = "kube-controller-manager"
)

// program is one of the processes of a control plane.
type program struct {
	name string
	// arguments answers the command line, after writing the files that it names and that depend on
	// options or ports.
	arguments func(*ControlPlane) ([]string, error)
	// ready fails until the program does its work.
	ready func(*ControlPlane, context.Context) error
}

var (
	etcd = program{
		name:      etcdProgram,
		arguments: etcdArguments,
		ready:     (*ControlPlane).etcdReady,
	}
	apiServer = program{
		name:      apiServerProgram,
		arguments: apiServerArguments,
		ready:     (*ControlPlane).apiServerReady,
	}
	controllerManager = program{
		name:      controllerManagerProgram,
		arguments: controllerManagerArguments,
		ready:     (*ControlPlane).controllerManagerReady,
	}
)

// programs answers what o asks for, in the order of starting.
func (o Options) programs() []program {
	if o.ControllerManager {
		return []program{etcd, apiServer, controllerManager}
	}
	return []program{etcd, apiServer}
}

// stopOrder has everything that may run. The store goes last, so that nobody misses it.
var stopOrder = []string{controllerManagerProgram, apiServerProgram, etcdProgram}

func etcdArguments(c *ControlPlane) ([]string, error) {
	client := c.url("http", etcdProgram, "")
	// A single member never calls itself, so any port will do for peers.
	const peer = "http://" + loopback + ":0"
	return []string{
		"--name=" + c.state.Name,
		"--data-dir=" + c.dir.path("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + c.state.Name + "=" + peer,
		// Only a crash of the machine loses data; a killed process does not.
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}, nil
}

func apiServerArguments(c *ControlPlane) ([]string, error) {
	admission, err := writeAdmissionConfig(c.dir, c.state.Options.PodSecurityConfig)
	if err != nil {
		return nil, err
	}
	if err := c.writeKubeconfigs(); err != nil {
		return nil, err
	}
	args := []string{
		"--etcd-servers=" + c.url("http", etcdProgram, ""),
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", c.state.Ports[apiServerProgram]),
		// The address of a loopback server is refused as an endpoint.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/16",
		"--tls-cert-file=" + c.dir.servingCert(),
		"--tls-private-key-file=" + c.dir.servingKey(),
		"--token-auth-file=" + c.dir.tokens(),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.dir.serviceAccountKey(),
		"--service-account-signing-key-file=" + c.dir.serviceAccountKey(),
		// Otherwise privileged pods are refused before Pod Security is asked.
		"--allow-privileged=true",
		"--audit-policy-file=" + c.dir.auditPolicy(),
		"--audit-log-path=" + c.dir.auditLog(),
		"--audit-log-mode=blocking",
		// One file, never rotated: a test reads it from the beginning.
		"--audit-log-maxsize=0",
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1500",
		"--profiling=false",
		// Otherwise a server asked to end waits a minute for open watches.
		"--shutdown-watch-termination-grace-period=2s",
	}
	if !c.state.Options.ControllerManager {
		// Nobody makes the default ServiceAccount that this plugin wants each pod to have.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	if admission != "" {
		args = append(args, "--admission-control-config-file="+admission)
	}
	args = append(args, c.emulatedVersion()...)
	return append(args, c.state.Options.ExtraAPIServerArgs...), nil
}

func controllerManagerArguments(c *ControlPlane) ([]string, error) {
	args := []string{
		"--kubeconfig=" + c.dir.controllerManagerKubeconfig(),
		"--bind-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", c.state.Ports[controllerManagerProgram]),
		"--tls-cert-file=" + c.dir.servingCert(),
		"--tls-private-key-file=" + c.dir.servingKey(),
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.dir.serviceAccountKey(),
		"--root-ca-file=" + c.dir.servingCert(),
		"--profiling=false",
		// Tests wait for these: more hands and no client-side throttle.
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--concurrent-cron-job-syncs=20",
		"--concurrent-daemonset-syncs=20",
		"--concurrent-deployment-syncs=50",
		"--concurrent-gc-syncs=50",
		"--concurrent-job-syncs=50",
		"--concurrent-namespace-syncs=50",
		"--concurrent-rc-syncs=20",
		"--concurrent-replicaset-syncs=50",
		"--concurrent-serviceaccount-token-syncs=50",
		"--concurrent-statefulset-syncs=20",
	}
	return append(args, c.emulatedVersion()...), nil
}

func (c *ControlPlane) emulatedVersion() []string {
	if c.state.Options.EmulatedVersion == "" {
		return nil
	}
	return []string{"--emulated-version=" + c.state.Options.EmulatedVersion}
}
