// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/standards"
)

func fillable(t *testing.T) *Inventory {
	t.Helper()
	evaluator, err := standards.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return New(evaluator, Options{DepartedPerNamespace: -1})
}

func hostNetworkPod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{{Name: "c"}}},
	}
}

// servePods has a client list pods by pages of two. A list without a limit is an error.
func servePods(client *fake.Clientset, pods []corev1.Pod) {
	client.PrependReactor("list", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		options := action.(clienttesting.ListActionImpl).ListOptions
		if options.Limit == 0 {
			return true, nil, errors.New("a whole list was asked for")
		}
		start, err := strconv.Atoi(cmp.Or(options.Continue, "0"))
		end := min(start+2, len(pods))
		list := &corev1.PodList{Items: pods[start:end]}
		if end < len(pods) {
			list.Continue = strconv.Itoa(end)
		}
		return true, list, err
	})
}

// TestFillPages has pods come in pages: all count, and are told of.
func TestFillPages(t *testing.T) {
	var pods []corev1.Pod
	for n := range 5 {
		pods = append(pods, *hostNetworkPod("shop", fmt.Sprintf("web-%d", n)))
	}
	client := fake.NewClientset()
	servePods(client, pods)

	var mu sync.Mutex
	listed := map[string]int{}
	i := fillable(t)
	err := Fill(t.Context(), Clients{Typed: client}, i, FillOptions{Listed: func(kind string, more int) {
		mu.Lock()
		defer mu.Unlock()
		listed[kind] += more
	}})
	if err != nil {
		t.Fatal(err)
	}
	if listed["Pod"] != 5 || len(listed) != int(builtinCount) {
		t.Errorf("told of %d kinds, want %d: %v", len(listed), builtinCount, listed)
	}
	verdict, known := i.Verdict("shop", Query{Level: psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: standards.NewestVersion()}})
	if !known || verdict.Pods != 5 || verdict.Compliant() {
		t.Errorf("verdict = %+v, %v", verdict, known)
	}
}

// TestFillOneNamespace lists nothing of another namespace.
func TestFillOneNamespace(t *testing.T) {
	i := fillable(t)
	client := fake.NewClientset(hostNetworkPod("shop", "web"), hostNetworkPod("other", "web"))
	if err := Fill(t.Context(), Clients{Typed: client}, i, FillOptions{Namespace: "shop"}); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"shop"}, i.namespaceNames()); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
}

// TestFillFails answers no verdict when a kind could not be listed, for what is not known is not compliant, unless the caller takes it upon itself.
func TestFillFails(t *testing.T) {
	denied := errors.New("denied")
	var told string
	tests := map[string]struct {
		failed     func(kind string, err error) error
		wantErr    error
		wantSynced bool
	}{
		"nobody is told": {wantErr: denied},
		"it is an error": {failed: func(_ string, err error) error { return err }, wantErr: denied},
		"it is accepted": {failed: func(kind string, _ error) error { told = kind; return nil }, wantSynced: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			i := fillable(t)
			client := fake.NewClientset(hostNetworkPod("shop", "web"))
			client.PrependReactor("list", "cronjobs", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, denied })
			if err := Fill(t.Context(), Clients{Typed: client}, i, FillOptions{Failed: test.failed}); !errors.Is(err, test.wantErr) {
				t.Errorf("Fill = %v, want %v", err, test.wantErr)
			}
			if i.Synced() != test.wantSynced {
				t.Errorf("synced: %v, want %v", i.Synced(), test.wantSynced)
			}
		})
	}
	if told != "CronJob" {
		t.Errorf("told of kind %q", told)
	}
}

// TestFillCustomKinds lists the custom kinds that are served, and waits for no others.
func TestFillCustomKinds(t *testing.T) {
	c := &cluster{
		T: t, rig: &rig{tb: t, Inventory: New(mustEvaluator(t), Options{Kinds: customKinds})}, typed: fake.NewClientset(),
		dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{rolloutsResource: "RolloutList"}),
	}
	c.serves(rolloutsResource)
	c.create(rolloutsResource, privileged)
	if err := Fill(t.Context(), Clients{Typed: c.typed, Dynamic: c.dynamic}, c.Inventory, FillOptions{}); err != nil {
		t.Fatal(err)
	}
	c.want("once filled", true, "Rollout")
}
