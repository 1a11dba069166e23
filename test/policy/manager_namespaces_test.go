// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const (
	managerNamespaces = "podsecurity-rollout-manager-namespaces"

	climbed = "audit=baseline:v1.36 warn=baseline:v1.36 enforce=baseline:v1.36 team=a"

	noOtherWrite = "may not create or delete a namespace, nor write its status or finalizers"
	noSpec       = "no spec or status"
	noMetadata   = "no other metadata"
	noLabel      = "no label of a namespace but the six"
	noRemoval    = "may not remove a label"
	oneMode      = "only one mode"
	bothLabels   = "a level without its version"
	oneLevel     = "only one level"
	notLower     = "may not lower audit or warn"
	oneStepBack  = "by one step only"
)

// dry is how the operator asks.
var dry = []client.PatchOption{client.DryRunAll, client.FieldOwner(v1alpha1.FieldManager)}

// operatorWrites are what the operator writes, and what comes of it.
var operatorWrites = map[string]struct {
	before string
	write  write
	want   string
}{
	// Climbing.
	"nothing changes":                          {before: climbed, write: applies(climbed)},
	"the first audit rung":                     {write: applies("audit=baseline:v1.37")},
	"the first enforce rung":                   {write: applies("enforce=baseline:v1.37")},
	"audit before the others":                  {before: climbed, write: applies("audit=restricted:v1.36")},
	"warn over a missing label":                {before: "enforce=baseline:v1.36", write: applies("warn=restricted:v1.36")},
	"a newer version":                          {before: climbed, write: applies("enforce=baseline:v1.37")},
	"level and version":                        {before: climbed, write: applies("enforce=restricted:v1.37")},
	"latest to a pin":                          {before: "enforce=baseline:latest", write: applies("enforce=baseline:v1.37")},
	"a level without a version is latest":      {before: "enforce=baseline", write: applies("enforce=baseline:v1.37")},
	"a pin to latest":                          {before: climbed, write: applies("warn=baseline:latest")},
	"what the cluster's default may be below":  {write: applies("enforce=restricted:v1.37")},
	"the version of privileged means nothing":  {before: "enforce=privileged:v1.37", write: applies("enforce=baseline:v1.36")},
	"a merge patch of one mode":                {before: climbed, write: sets("audit=restricted:v1.36")},
	"a PUT of one mode":                        {before: climbed, write: updates(func(ns *corev1.Namespace) { ns.Labels[prefix+"audit"] = "restricted" })},
	"over an invalid audit, which is none":     {before: "audit=baseline:v1.36", write: applies("audit=restricted:v1.36")},
	"two levels":                               {before: "enforce=privileged:v1.36", write: applies("enforce=restricted:v1.36"), want: oneLevel},
	"two levels of audit":                      {before: "audit=privileged:v1.36", write: applies("audit=restricted:v1.36"), want: oneLevel},
	"two modes":                                {before: climbed, write: applies("audit=restricted:v1.36 warn=restricted:v1.36"), want: oneMode},
	"all modes at once":                        {write: applies("audit=baseline:v1.37 warn=baseline:v1.37 enforce=baseline:v1.37"), want: oneMode},
	"the versions of two modes":                {before: climbed, write: sets("audit=baseline:v1.37 warn=baseline:v1.37"), want: oneMode},
	"a level without a version":                {write: applies("audit=baseline"), want: bothLabels},
	"a version without a level":                {write: merges(`{"metadata":{"labels":{"` + prefix + `audit-version":"v1.37"}}}`), want: bothLabels},
	"audit lowered":                            {before: climbed, write: applies("audit=privileged:v1.36"), want: notLower},
	"audit lowered from restricted":            {before: "audit=restricted:v1.36", write: applies("audit=baseline:v1.36"), want: notLower},
	"audit to an older version":                {before: climbed, write: applies("audit=baseline:v1.35"), want: notLower},
	"audit a level up at an older version":     {before: climbed, write: applies("audit=restricted:v1.35"), want: notLower},
	"warn lowered":                             {before: climbed, write: applies("warn=privileged:v1.36"), want: notLower},
	"warn to an older version":                 {before: climbed, write: sets("warn=baseline:v1.9"), want: notLower},
	"warn below enforce, which it followed":    {before: "enforce=restricted:v1.36", write: applies("warn=baseline:v1.36"), want: notLower},
	"warn older than enforce that it followed": {before: "enforce=baseline:v1.36", write: applies("warn=baseline:v1.35"), want: notLower},

	// Taking a rung back.
	"enforce back one level":               {before: climbed, write: applies("enforce=privileged:v1.36")},
	"enforce back from restricted":         {before: "enforce=restricted:v1.36", write: applies("enforce=baseline:v1.35")},
	"enforce back to an older version":     {before: climbed, write: applies("enforce=baseline:v1.35")},
	"enforce back two levels":              {before: "enforce=restricted:v1.36", write: applies("enforce=privileged:v1.36"), want: oneStepBack},
	"enforce up a level at an older one":   {before: climbed, write: applies("enforce=restricted:v1.35"), want: oneStepBack},
	"enforce back and audit with it":       {before: climbed, write: applies("enforce=privileged:v1.36 audit=privileged:v1.36"), want: oneMode},
	"enforce removed":                      {before: climbed, write: removes(prefix+"enforce", prefix+"enforce-version"), want: noRemoval},
	"a version removed":                    {before: climbed, write: removes(prefix + "enforce-version"), want: noRemoval},
	"audit removed":                        {before: climbed, write: removes(prefix + "audit"), want: noRemoval},
	"all labels removed by JSON merge":     {before: climbed, write: merges(`{"metadata":{"labels":null}}`), want: noLabel},
	"a PUT without the labels of security": {before: climbed, write: updates(func(ns *corev1.Namespace) { ns.Labels = map[string]string{"team": "a"} }), want: noRemoval},

	// Anything else.
	"another label added":      {before: climbed, write: applies("audit=restricted:v1.36 owner=me"), want: noLabel},
	"another label changed":    {before: climbed, write: sets("team=b"), want: noLabel},
	"another label removed":    {before: climbed, write: removes("team"), want: noLabel},
	"a label that looks alike": {before: climbed, write: merges(`{"metadata":{"labels":{"` + prefix + `enforced":"baseline"}}}`), want: noLabel},
	"an annotation added":      {before: climbed, write: merges(`{"metadata":{"annotations":{"example.com/a":"b"}}}`), want: noMetadata},
	"an annotation removed":    {before: climbed, write: merges(`{"metadata":{"annotations":null}}`), want: noMetadata},
	"an annotation changed":    {before: climbed, write: merges(`{"metadata":{"annotations":{"example.com/kept":"no"}}}`), want: noMetadata},
	"a finalizer added":        {before: climbed, write: merges(`{"metadata":{"finalizers":["example.com/hold"]}}`), want: noMetadata},
	"an owner added": {before: climbed, want: noMetadata, write: updates(func(ns *corev1.Namespace) {
		ns.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "default", UID: "u"}}
	})},
	"the status":          {before: climbed, write: statuses(`{"status":{"conditions":[{"type":"NamespaceContentRemaining","status":"True"}]}}`), want: noOtherWrite},
	"labels by status":    {before: climbed, write: statuses(labelPatch(labels("enforce=privileged:v1.36"))), want: noOtherWrite},
	"the finalizers":      {before: climbed, write: finalizes, want: noOtherWrite},
	"a namespace created": {before: climbed, write: creates, want: noOtherWrite},
	"a namespace deleted": {before: climbed, write: deletes, want: noOtherWrite},

	// Questions: the API server's dry run of a rung, as enforce.
	"asking about the next level":  {before: climbed, write: sets("enforce=restricted:v1.37", dry...)},
	"asking about two levels up":   {before: "enforce=privileged:v1.36", write: sets("enforce=restricted:v1.37", dry...)},
	"asking about a level below":   {before: "enforce=restricted:v1.37", write: sets("enforce=baseline:v1.36", dry...)},
	"asking with an annotation":    {before: climbed, write: merges(`{"metadata":{"annotations":{"example.com/a":"b"}}}`, dry...), want: noMetadata},
	"asking without a level":       {before: climbed, write: merges(`{"metadata":{"labels":{"`+prefix+`enforce":null}}}`, dry...), want: noRemoval},
	"asking about another's label": {before: climbed, write: sets("team=b", dry...), want: noLabel},
}

// TestManagerNamespaces has the operator write what it may and what it may not.
func TestManagerNamespaces(t *testing.T) {
	need(t)
	eventually(t, func(ctx context.Context) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		return outcome(ctx, operator(t), merges(`{"metadata":{"annotations":{"example.com/a":"b"}}}`, client.DryRunAll), ns, managerNamespaces, noMetadata)
	})
	for name, test := range operatorWrites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t, test.before)
			if err := outcome(t.Context(), operator(t), test.write, ns, managerNamespaces, test.want); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestManagerNamespacesOthers has others do all that the operator may not.
func TestManagerNamespacesOthers(t *testing.T) {
	need(t)
	for name, user := range map[string]client.Client{
		"somebody":                         as(t, "alice", "system:authenticated"),
		"another ServiceAccount":           as(t, "system:serviceaccount:"+operatorNamespace+":default", "system:serviceaccounts", "system:authenticated"),
		"the same name elsewhere":          as(t, "system:serviceaccount:elsewhere:"+operatorAccount, "system:authenticated"),
		"a name that begins alike":         as(t, operatorUser+"-2", "system:authenticated"),
		"a user with the operator's group": as(t, "bob", "system:serviceaccounts:"+operatorNamespace, "system:authenticated"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, w := range map[string]write{
				"lowering":    sets("enforce=privileged:v1.35 audit=privileged:v1.35"),
				"removing":    removes(prefix+"enforce", prefix+"warn", "team"),
				"annotating":  merges(`{"metadata":{"annotations":{"example.com/a":"b"}}}`),
				"finalizing":  merges(`{"metadata":{"finalizers":["example.com/hold"]}}`),
				"all at once": applies("audit=restricted:v1.37 warn=restricted:v1.37 enforce=restricted:v1.37"),
				"the status":  statuses(`{"metadata":{"annotations":{"example.com/a":"b"}}}`),
				"creating":    creates,
				"deleting":    deletes,
			} {
				if err := outcome(t.Context(), user, w, namespace(t, climbed), managerNamespaces, ""); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}
