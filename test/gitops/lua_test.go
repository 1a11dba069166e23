// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/utils/ptr"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

var argocd = filepath.Join(root, "config", "gitops", "argocd")

// TestHealth has Argo CD's interpreter judge every state by health.lua.
func TestHealth(t *testing.T) {
	script := read(t, filepath.Join(argocd, "health.lua"))
	for name, s := range states() {
		t.Run(name, func(t *testing.T) {
			answer := run(t, script, asServed(t, s.object).Object)
			if answer["status"] != s.health {
				t.Errorf("%v, want %s", answer, s.health)
			}
			if message, ok := answer["message"].(string); !ok || !strings.Contains(message, s.said) {
				t.Errorf("it says %q, want …%s…", answer["message"], s.said)
			}
		})
	}
}

// TestHealthOfWhatIsNoStatus has it judge objects without a status, as they are
// where an older definition is installed.
func TestHealthOfWhatIsNoStatus(t *testing.T) {
	answer := run(t, read(t, filepath.Join(argocd, "health.lua")), map[string]any{"metadata": map[string]any{"generation": 1.0}})
	if answer["status"] != "Progressing" {
		t.Errorf("%v, want Progressing", answer)
	}
}

// TestActions suspends and resumes a rollout the way Argo CD does.
func TestActions(t *testing.T) {
	discovery := read(t, filepath.Join(argocd, "actions", "discovery.lua"))
	disabled := func(is bool) map[string]any { return map[string]any{"disabled": is} }
	for name, tc := range map[string]struct {
		suspend *bool
		actions map[string]any
		take    string
		want    bool
	}{
		"it says nothing": {nil, map[string]any{"suspend": disabled(false), "resume": disabled(true)}, "suspend", true},
		"it runs":         {ptr.To(false), map[string]any{"suspend": disabled(false), "resume": disabled(true)}, "suspend", true},
		"it is suspended": {ptr.To(true), map[string]any{"suspend": disabled(true), "resume": disabled(false)}, "resume", false},
	} {
		t.Run(name, func(t *testing.T) {
			object := rollout(claim(arrived()))
			object.Spec.Suspend = tc.suspend
			if diff := cmp.Diff(tc.actions, run(t, discovery, asServed(t, object).Object)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			want := object.DeepCopy()
			want.Spec.Suspend = &tc.want
			if diff := cmp.Diff(want, took(t, tc.take, object)); diff != "" {
				t.Errorf("after %s (-want +got):\n%s", tc.take, diff)
			}
		})
	}
}

// took answers the object that an action makes of one.
func took(t *testing.T, action string, object *v1alpha1.PodSecurityRollout) *v1alpha1.PodSecurityRollout {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(data, &content); err != nil {
		t.Fatal(err)
	}
	data, err = json.Marshal(run(t, read(t, filepath.Join(argocd, "actions", action+".lua")), content))
	if err != nil {
		t.Fatal(err)
	}
	out := &v1alpha1.PodSecurityRollout{}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// run gives a script the object and answers what it returns. Argo CD opens these
// libraries and no others unless it is told to, and gives a script a second.
func run(t *testing.T, script string, object map[string]any) map[string]any {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	l.SetContext(ctx)
	l.SetGlobal("obj", toLua(l, object))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	answer, ok := fromLua(l.Get(-1)).(map[string]any)
	if !ok {
		t.Fatalf("it returns %v, want a table", l.Get(-1))
	}
	return answer
}

func toLua(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, of := range v {
			table.RawSetString(key, toLua(l, of))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, of := range v {
			table.Append(toLua(l, of))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	default:
		return lua.LNil
	}
}

// fromLua is its opposite; a table is a list when it has a first element.
func fromLua(value lua.LValue) any {
	switch v := value.(type) {
	case *lua.LTable:
		if n := v.Len(); n > 0 {
			list := make([]any, 0, n)
			v.ForEach(func(_, of lua.LValue) { list = append(list, fromLua(of)) })
			return list
		}
		table := map[string]any{}
		v.ForEach(func(key, of lua.LValue) { table[key.String()] = fromLua(of) })
		return table
	case lua.LString:
		return string(v)
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return float64(v)
	default:
		return nil
	}
}
