// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/internal/nslabels"
)

// labelsClient is what reads and writes labels: short of the wire, or, in a run
// that is checked, the real client over a wire that ends in the world.
func (w *world) labelsClient(o *operator) Labels {
	if !w.checked {
		return simLabels{o}
	}
	real, err := nslabels.NewClient(&rest.Config{Host: "http://simulation", QPS: -1, Transport: wire{o}})
	if err != nil {
		panic(err)
	}
	return real
}

// wire is the API server's end of the patches that nslabels sends.
type wire struct{ o *operator }

// patch is what both kinds of patch may say. Anything else is an error.
type patch struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name            string            `json:"name"`
		UID             string            `json:"uid"`
		ResourceVersion string            `json:"resourceVersion"`
		Labels          map[string]string `json:"labels"`
	} `json:"metadata"`
}

// RoundTrip implements http.RoundTripper.
func (c wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var p patch
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil || r.Method != http.MethodPatch || path.Dir(r.URL.Path) != "/api/v1/namespaces" {
		return nil, fmt.Errorf("a request that the operator does not make: %s %s: %w", r.Method, r.URL, err)
	}
	name, query := path.Base(r.URL.Path), r.URL.Query()
	if query.Get("fieldManager") != v1alpha1.FieldManager {
		return nil, fmt.Errorf("a patch by field manager %q", query.Get("fieldManager"))
	}
	var warnings []string
	var err error
	if query.Get("dryRun") == "All" {
		warnings, err = c.dryRun(r, name, p)
	} else {
		err = c.apply(r, name, p, query.Get("force") == "true")
	}
	return c.respond(r, name, warnings, err)
}

func (c wire) dryRun(r *http.Request, name string, p patch) ([]string, error) {
	if r.Header.Get("Content-Type") != string(types.MergePatchType) {
		return nil, fmt.Errorf("a dry run by %s", r.Header.Get("Content-Type"))
	}
	if err := c.o.call(r.Context(), reading); err != nil {
		return nil, err
	}
	policy, errs := psaapi.PolicyToEvaluate(p.Metadata.Labels, psaapi.Policy{})
	if len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	return c.o.w.dryRun(name, p.Metadata.UID, policy.Enforce)
}

func (c wire) apply(r *http.Request, name string, p patch, force bool) error {
	if r.Header.Get("Content-Type") != string(types.ApplyYAMLPatchType) || p.Metadata.Name != name || p.Kind != "Namespace" {
		return fmt.Errorf("an apply by %s of %s %s", r.Header.Get("Content-Type"), p.Kind, p.Metadata.Name)
	}
	return c.o.write(r.Context(), func() error {
		return c.o.w.apply(taskOf(r.Context()), name, labelApply{
			uid: p.Metadata.UID, resourceVersion: p.Metadata.ResourceVersion, labels: p.Metadata.Labels, force: force,
		})
	})
}

func (c wire) respond(r *http.Request, name string, warnings []string, err error) (*http.Response, error) {
	response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
	var body any = c.o.w.namespaces[name]
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		body, response.StatusCode = status.Status(), int(status.Status().Code)
	case err != nil:
		return nil, err
	}
	for _, text := range warnings {
		response.Header.Add("Warning", "299 - "+strconv.Quote(text))
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(data))
	return response, nil
}
