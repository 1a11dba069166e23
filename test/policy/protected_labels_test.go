// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const protectedLabels = "podsecurity-rollout-protected-labels"

const security = "may not lower or remove " + prefix

// person answers somebody's client.
type person func(*testing.T) client.Client

func by(user string, groups ...string) person {
	return func(t *testing.T) client.Client { return as(t, user, groups...) }
}

var (
	alice  = by("alice", "developers", "system:authenticated")
	master = by("root", "system:masters", "system:authenticated")
)

// peopleWrite is what people write, and what comes of it.
var peopleWrite = map[string]struct {
	who       person
	unclaimed bool
	before    string
	write     write
	want      string
}{
	"enforce lowered":                 {who: alice, before: climbed, write: sets("enforce=privileged:v1.36"), want: security + "enforce"},
	"enforce lowered by apply":        {who: alice, before: climbed, write: applies("enforce=privileged:v1.36"), want: security + "enforce"},
	"enforce lowered by PUT":          {who: alice, before: climbed, write: updates(func(ns *corev1.Namespace) { ns.Labels[prefix+"enforce"] = "privileged" }), want: security + "enforce"},
	"enforce lowered from restricted": {who: alice, before: "enforce=restricted:v1.36", write: sets("enforce=baseline:v1.36"), want: security + "enforce"},
	"warn lowered":                    {who: alice, before: climbed, write: sets("warn=privileged:v1.36"), want: security + "warn"},
	"audit lowered":                   {who: alice, before: climbed, write: sets("audit=privileged:v1.36"), want: security + "audit"},
	"all lowered":                     {who: alice, before: climbed, write: sets("audit=privileged:v1.36 warn=privileged:v1.36 enforce=privileged:v1.36"), want: security + "audit, " + prefix + "warn, " + prefix + "enforce"},
	"one raised, one lowered":         {who: alice, before: climbed, write: sets("audit=restricted:v1.36 enforce=privileged:v1.36"), want: security + "enforce"},
	"an older version":                {who: alice, before: climbed, write: sets("enforce=baseline:v1.9"), want: security + "enforce"},
	"an older version of audit":       {who: alice, before: climbed, write: sets("audit=baseline:v1.35"), want: security + "audit"},
	"latest pinned":                   {who: alice, before: "enforce=baseline:latest", write: sets("enforce=baseline:v1.37"), want: security + "enforce"},
	"no version pinned":               {who: alice, before: "enforce=baseline", write: sets("enforce=baseline:v1.37"), want: security + "enforce"},
	"enforce removed":                 {who: alice, before: climbed, write: removes(prefix + "enforce"), want: security + "enforce"},
	"a version removed":               {who: alice, before: climbed, write: removes(prefix + "warn-version"), want: security + "warn-version"},
	"both removed":                    {who: alice, before: climbed, write: removes(prefix+"audit", prefix+"audit-version"), want: security + "audit, " + prefix + "audit-version"},
	"all labels removed":              {who: alice, before: climbed, write: merges(`{"metadata":{"labels":null}}`), want: security + "audit"},
	"a PUT without them":              {who: alice, before: climbed, write: updates(func(ns *corev1.Namespace) { ns.Labels = nil }), want: security + "audit"},
	"privileged removed":              {who: alice, before: "enforce=privileged:v1.36", write: removes(prefix + "enforce"), want: security + "enforce"},
	"lowered in a dry run":            {who: alice, before: climbed, write: sets("enforce=privileged:v1.36", client.DryRunAll), want: security + "enforce"},
	"lowered by another operator":     {who: by("system:serviceaccount:argocd:application-controller", "system:serviceaccounts", "system:authenticated"), before: climbed, write: applies("enforce=privileged:v1.36"), want: security + "enforce"},
	"lowered by a group that is none": {who: by("bob", "system:master", "system:authenticated"), before: climbed, write: sets("enforce=privileged:v1.36"), want: security + "enforce"},
	"lowered by a lookalike":          {who: by(operatorUser+"-2", "system:authenticated"), before: climbed, write: sets("enforce=privileged:v1.36"), want: security + "enforce"},

	"lowered by a named group":        {who: master, before: climbed, write: sets("enforce=privileged:v1.36")},
	"removed by a named group":        {who: master, before: climbed, write: removes(prefix+"enforce", prefix+"enforce-version")},
	"lowered where nothing is":        {who: alice, unclaimed: true, before: climbed, write: sets("enforce=privileged:v1.36")},
	"removed where nothing is":        {who: alice, unclaimed: true, before: climbed, write: removes(prefix + "enforce")},
	"enforce raised":                  {who: alice, before: climbed, write: sets("enforce=restricted:v1.36")},
	"everything raised":               {who: alice, before: climbed, write: sets("audit=restricted:v1.37 warn=restricted:v1.37 enforce=restricted:v1.37")},
	"a label added":                   {who: alice, before: "enforce=baseline:v1.36", write: sets("audit=baseline:v1.36")},
	"privileged added":                {who: alice, before: "enforce=baseline:v1.36", write: sets("audit=privileged:v1.36")},
	"a pin made latest":               {who: alice, before: climbed, write: sets("enforce=baseline:latest")},
	"the version of privileged":       {who: alice, before: "enforce=privileged:v1.37", write: sets("enforce=privileged:v1.30")},
	"another label removed":           {who: alice, before: climbed, write: removes("team")},
	"an annotation and nothing else":  {who: alice, before: climbed, write: merges(`{"metadata":{"annotations":{"a":"b"}}}`)},
	"the same labels again":           {who: alice, before: climbed, write: applies(climbed)},
	"the status":                      {who: alice, before: climbed, write: statuses(`{"metadata":{"annotations":{"a":"b"}}}`)},
	"the namespace deleted":           {who: alice, before: climbed, write: deletes},
	"another created with privileged": {who: alice, before: climbed, write: creates},
	"a rung climbed by the operator":  {who: operator, before: climbed, write: applies("enforce=restricted:v1.36")},
}

// TestProtectedLabels has people change the labels of namespaces that a rollout
// has claimed, and of others.
func TestProtectedLabels(t *testing.T) {
	need(t)
	for name, test := range peopleWrite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t, test.before)
			if !test.unclaimed {
				claim(t, ns, "", "")
			}
			eventually(t, func(ctx context.Context) error {
				return outcome(ctx, test.who(t), test.write, ns, protectedLabels, test.want)
			})
		})
	}
}
