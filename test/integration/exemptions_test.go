// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// podSecurityConfig is the file that the operator takes for the API server's. The
// API server of these tests has none, so that what the file exempts here the
// server's own dry run holds against a namespace.
var podSecurityConfig string

const podSecurityDefaults = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n"

// configure puts another configuration in the place of the operator's.
func configure(content string) error {
	next := podSecurityConfig + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(next, podSecurityConfig)
}

// useConfigIn makes the operator's configuration in a directory.
func useConfigIn(dir string) error {
	podSecurityConfig = filepath.Join(dir, "operator-podsecurity.yaml")
	return configure(podSecurityDefaults)
}

// TestExemptionsFollowTheFileAndTheRuntimeClasses has one privileged pod that is
// judged, or not, as the configuration and its runtime class change. Every look
// after the first comes from such a change: nothing happens in the namespace. It
// is not parallel: what the file exempts is said of every rollout there is.
func TestExemptionsFollowTheFileAndTheRuntimeClasses(t *testing.T) {
	runOperator(t)
	s := newScene(t)
	ns := s.namespace()
	class := func(handler string) *nodev1.RuntimeClass {
		return &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: s.name}, Handler: handler}
	}
	create := func(handler string) {
		if err := s.Create(t.Context(), class(handler)); err != nil {
			t.Fatalf("creating a RuntimeClass: %v", err)
		}
	}
	create("kata-qemu")
	cleanup(t, func(ctx context.Context) error { return s.Delete(ctx, class("")) })
	pod := newPod(ns, "machine", v1alpha1.LevelPrivileged)
	pod.Spec.RuntimeClassName = &s.name
	if err := s.Create(t.Context(), pod); err != nil {
		t.Fatalf("creating the pod: %v", err)
	}
	s.rollout(levels{enforce: v1alpha1.LevelBaseline})
	s.awaitState(ns, v1alpha1.ReasonViolations, "Pod machine")

	cleanup(t, func(context.Context) error { return configure(podSecurityDefaults) })
	exempting := podSecurityDefaults + "exemptions: {runtimeClasses: [" + s.name + "]}\n"
	if err := configure(exempting); err != nil {
		t.Fatal(err)
	}
	s.awaitState(ns, v1alpha1.ReasonServerDisagrees)

	// A class that is gone isolates nothing, nor does one that shares the kernel.
	s.remove(class(""))
	s.awaitState(ns, v1alpha1.ReasonViolations, "Pod machine")
	create("runsc")
	s.awaitState(ns, v1alpha1.ReasonServerDisagrees)
	s.remove(class(""))
	s.awaitState(ns, v1alpha1.ReasonViolations, "Pod machine")
	create("runc")
	s.staysAt(ns)
	s.awaitState(ns, v1alpha1.ReasonViolations, "Pod machine")
	s.wantWrites(ns)
}
