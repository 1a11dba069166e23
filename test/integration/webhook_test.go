// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

// interrupt has a function called in the middle of every patch of a namespace by
// the operator, dry runs included: when Pod Security has had its say, and before
// the operator hears of it. The patch itself is let through.
func (s *scene) interrupt(namespace string, by func(*admissionv1.AdmissionRequest)) {
	s.Helper()
	var heard atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := &admissionv1.AdmissionReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil || review.Request == nil {
			http.Error(w, "not a review", http.StatusBadRequest)
			return
		}
		heard.Store(true)
		if review.Request.UserInfo.Username == operatorUser {
			by(review.Request)
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(review); err != nil {
			s.Errorf("answering the API server: %v", err)
		}
	}))
	s.Cleanup(server.Close)
	hook := webhookOf(server, namespace)
	if err := s.Create(s.Context(), hook); err != nil {
		s.Fatalf("registering the webhook: %v", err)
	}
	cleanup(s.T, func(ctx context.Context) error { return client.IgnoreNotFound(s.Delete(ctx, hook)) })

	// The API server hears of it through a watch of its own.
	await.Until(s.T, soon, func() error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		if err := s.Patch(s.Context(), ns, client.RawPatch(types.MergePatchType, []byte(`{}`)), client.DryRunAll); err != nil {
			return err
		}
		if !heard.Load() {
			return errors.New("the API server does not call the webhook yet")
		}
		return nil
	})
}

func webhookOf(server *httptest.Server, namespace string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "interrupt.example.com",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: ptr.To(server.URL), CABundle: authority},
			FailurePolicy:           ptr.To(admissionregistrationv1.Ignore), // when it is gone, and the API server has not heard yet
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
			ObjectSelector:          &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"namespaces"}},
			}},
		}},
	}
}
