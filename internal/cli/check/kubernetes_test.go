// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/test/manifests"
)

// kubernetesTests are all findings of some manifests of Kubernetes v1.37.2, at restricted, as a person reads them off the files: the line of the field at
// fault, or, where it is missing, that of the nearest thing around it.
var kubernetesTests = map[string][]string{
	"cluster/addons/metrics-server/metrics-server-deployment.yaml": {
		// The pod has a securityContext without it.
		"44 runAsNonRoot",
		"52 allowPrivilegeEscalation", "52 capabilities_restricted", "83 allowPrivilegeEscalation", "83 capabilities_restricted",
	},
	"cluster/addons/calico-policy-controller/calico-node-daemonset.yaml": {
		"19 runAsNonRoot", "19 seccompProfile_restricted", "23 hostNamespaces", "29 allowPrivilegeEscalation", "29 capabilities_restricted",
		"121 allowPrivilegeEscalation", "121 capabilities_restricted", "122 privileged", "127 hostProbesAndHostLifecycle", "135 hostProbesAndHostLifecycle",
		"158 restrictedVolumes", "162 restrictedVolumes", "166 restrictedVolumes", "170 restrictedVolumes", "173 restrictedVolumes", "176 restrictedVolumes",
		"179 restrictedVolumes",
	},
	"cluster/addons/dns/nodelocaldns/nodelocaldns.yaml": {
		"127 runAsNonRoot", "127 seccompProfile_restricted", "130 hostNamespaces", "147 allowPrivilegeEscalation",
		"148 capabilities_restricted", "150 capabilities_restricted", // nothing dropped, NET_ADMIN added
		"163 hostProbesAndHostLifecycle", "178 restrictedVolumes",
	},
	"cluster/addons/ip-masq-agent/ip-masq-agent.yaml": {
		"26 runAsNonRoot", "26 seccompProfile_restricted", "29 hostNamespaces", "40 allowPrivilegeEscalation", "40 capabilities_restricted", "41 privileged",
	},
	"cluster/addons/metadata-proxy/gce/metadata-proxy.yaml": {
		"34 runAsNonRoot", "34 seccompProfile_restricted", "37 hostNamespaces", "48 allowPrivilegeEscalation", "48 capabilities_restricted", "49 privileged",
		"59 allowPrivilegeEscalation", "59 capabilities_restricted",
	},
	"test/e2e/testing-manifests/serviceloadbalancer/haproxyrc.yaml": {
		"18 runAsNonRoot", "18 seccompProfile_restricted", "20 allowPrivilegeEscalation", "20 capabilities_restricted",
		"33 hostPorts", "37 hostPorts", "41 hostPorts", "45 hostPorts",
	},
	"test/e2e/testing-manifests/storage-csi/mock/csi-mock-driver-attacher.yaml": {
		"14 runAsNonRoot", "14 seccompProfile_restricted", "25 allowPrivilegeEscalation", "25 capabilities_restricted", "26 privileged",
		"31 restrictedVolumes", // hostPath is the first field of its item
	},
	"test/e2e/testing-manifests/storage-csi/gce-pd/node_ds.yaml": {
		"13 runAsNonRoot", "13 seccompProfile_restricted", "15 allowPrivilegeEscalation", "15 capabilities_restricted",
		"49 allowPrivilegeEscalation", "49 capabilities_restricted", "50 privileged", "76 restrictedVolumes", "80 restrictedVolumes", "84 restrictedVolumes",
		"88 restrictedVolumes", "94 restrictedVolumes", "98 restrictedVolumes", "102 restrictedVolumes", "106 restrictedVolumes",
	},
	"test/e2e/testing-manifests/gpu/gce/nvidia-driver-installer.yaml": {
		"25 runAsNonRoot", "25 seccompProfile_restricted", "35 hostNamespaces", "36 hostNamespaces",
		"39 restrictedVolumes", "42 restrictedVolumes", "45 restrictedVolumes", "48 restrictedVolumes", "51 restrictedVolumes", "54 restrictedVolumes",
		"59 allowPrivilegeEscalation", "59 capabilities_restricted", "60 privileged", "87 allowPrivilegeEscalation", "87 capabilities_restricted", "88 privileged",
		"135 allowPrivilegeEscalation", "135 capabilities_restricted", "136 privileged", "145 allowPrivilegeEscalation", "145 capabilities_restricted",
	},
	"test/e2e/testing-manifests/kubectl/agnhost-primary-controller.json.in": {
		"24 runAsNonRoot", "24 seccompProfile_restricted", "26 allowPrivilegeEscalation", "26 capabilities_restricted",
	},
}

func kubernetesDir(t *testing.T) string {
	t.Helper()
	dir, err := manifests.ModuleDir(t.Context(), "k8s.io/kubernetes", "../../../hack/controlplane")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestKubernetesByHand(t *testing.T) {
	dir := kubernetesDir(t)
	all := 0
	for file, want := range kubernetesTests {
		r, _ := report(t, "", "-f", filepath.Join(dir, file))
		var got []string
		for _, f := range r.Findings {
			got = append(got, fmt.Sprintf("%d %s", f.Line, f.Check))
		}
		all += len(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	t.Logf("%d findings", all)
}

// Whatever Kubernetes' manifests hold, a finding points at a text that tells of it.
func TestKubernetesLines(t *testing.T) {
	dir := kubernetesDir(t)
	points := map[string][]string{ // what may stand at the place
		"privileged":                 {"privileged: true"},
		"hostNamespaces":             {"hostNetwork: true", "hostPID: true", "hostIPC: true"},
		"hostPorts":                  {"hostPort: "},
		"hostProbesAndHostLifecycle": {"host: "},
		"restrictedVolumes":          {"hostPath:"},
		"runAsNonRoot":               {"spec:", "securityContext:", "runAsNonRoot: false"},
		"seccompProfile_restricted":  {"spec:", "securityContext:"},
		"allowPrivilegeEscalation":   {"name: ", "image: ", "command:", "securityContext:", "allowPrivilegeEscalation: true"},
		"capabilities_restricted":    {"name: ", "image: ", "securityContext:", "capabilities:", "command:", "NET_ADMIN", "IPC_LOCK"},
	}
	all := 0
	for _, root := range []string{"cluster/addons", "test/e2e/testing-manifests"} {
		r, _ := report(t, "", "-f", filepath.Join(dir, root))
		for _, f := range r.Findings {
			content, err := os.ReadFile(f.File)
			if err != nil {
				t.Fatal(err)
			}
			all++
			line := strings.Split(string(content), "\n")[f.Line-1]
			there := false
			for _, text := range points[f.Check] {
				there = there || strings.HasPrefix(line[f.Column-1:], text)
			}
			if !there {
				t.Errorf("%s:%d:%d: %s: %q", f.File, f.Line, f.Column, f.Check, line)
			}
		}
	}
	t.Logf("%d findings", all)
	if all < 300 {
		t.Errorf("%d findings, want at least 300", all)
	}
}
