// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"fmt"

	"github.com/podsecurity-rollout/operator/internal/cli/offline"
	"github.com/podsecurity-rollout/operator/internal/manifest"
	"github.com/podsecurity-rollout/operator/internal/remedy"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// fixed is a file after its edits.
type fixed struct {
	file *manifest.File
	text []byte
	done int
	// left is a line for each thing that is left to do.
	left []string
}

// fixFile edits all pods of a file.
func fixFile(e *standards.Evaluator, in *offline.Input, file *manifest.File, invasive bool) fixed {
	f := fixed{file: file}
	var chosen []manifest.Edit
	for _, pod := range file.Pods {
		lv, held := in.Target(pod)
		if !held {
			continue
		}
		edits, unfixable := remedy.Edits(e, lv, &pod.Template.ObjectMeta, &pod.Template.Spec)
		for _, edit := range edits {
			if edit.Class == remedy.Invasive && !invasive {
				if offline.Alongside(edit) {
					continue // its cause is named
				}
				f.leave(pod, edit.Path, edit.Check, fmt.Sprintf("needs a decision (--invasive would %s)", describe(pod, edit)))
				continue
			}
			chosen = append(chosen, manifest.Edit{Pod: pod, Edit: edit})
		}
		for _, u := range unfixable {
			f.leave(pod, remedy.Path{{Name: "spec"}}, u.Check, "cannot be put right: "+u.Reason)
		}
	}
	text, impossible := file.Edit(chosen)
	for _, edit := range impossible {
		f.leave(edit.Pod, edit.Path, edit.Check, fmt.Sprintf("by hand: %s; %s", describe(edit.Pod, edit.Edit), whyByHand))
	}
	f.text, f.done = text, len(chosen)-len(impossible)
	return f
}

const whyByHand = "an anchor, a merge or the way it is written keeps it from being done here"

// leave notes what is left to do, and where.
func (f *fixed) leave(pod manifest.Pod, path remedy.Path, check, what string) {
	f.left = append(f.left, fmt.Sprintf("%s:%d: %s: %s: %s", f.file.Name, pod.Locate(path).Line, pod.Object, check, what))
}

// describe is an edit in words, with the path inside the object.
func describe(pod manifest.Pod, edit remedy.Edit) string {
	whole := edit
	whole.Path = pod.Whole(edit.Path)
	return whole.String()
}
