// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"errors"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podsecurity-rollout/operator/internal/remedy"
)

// Edit is an edit of a pod of a file.
type Edit struct {
	Pod Pod
	remedy.Edit
}

// Edit answers the text with the edits done, which are to be in the order of package remedy for each pod, and those that cannot be done in the text: because
// what they change is shared with something else by an anchor or a merge, or is written in a way that is not known here. The file stays as it is.
func (f *File) Edit(edits []Edit) ([]byte, []Edit) {
	byDocument := map[*document][]Edit{}
	for _, e := range edits {
		byDocument[e.Pod.document] = append(byDocument[e.Pod.document], e)
	}
	var text bytes.Buffer
	var impossible []Edit
	done := 0
	for _, d := range f.documents {
		edited, left := settle(d, byDocument[d])
		impossible = append(impossible, left...)
		text.Write(f.text[done:d.offset])
		text.Write(edited.text)
		done = d.offset + len(d.text)
		d.forget()
	}
	text.Write(f.text[done:])
	return text.Bytes(), impossible
}

// settle does the edits at once if it can: two that change the same shared text are right together. Otherwise it does as many as it can.
func settle(d *document, edits []Edit) (*document, []Edit) {
	if len(edits) == 0 {
		return d, nil
	}
	d.remember()
	if edited, err := d.edited(edits); err == nil {
		return edited, nil
	}
	if len(edits) == 1 {
		return d, edits
	}
	half := len(edits) / 2
	d, first := settle(d, edits[:half])
	d, second := settle(d, edits[half:])
	return d, append(first, second...)
}

var errNotAsAsked = errors.New("the edited text does not say what the edits ask for")

// edited answers the document with all of the edits done and nothing else changed, which it checks.
func (d *document) edited(edits []Edit) (*document, error) {
	want := runtime.DeepCopyJSONValue(d.value)
	p := newPlan(d)
	for _, e := range edits {
		path := join(e.Pod.path, e.Path)
		var err error
		if want, err = change(want, path, e.Edit); err != nil {
			return nil, err
		}
		if err := p.add(path, e.Edit); err != nil {
			return nil, err
		}
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	after, err := parse(chunk{text: text, offset: d.offset, json: d.json})
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(want, after.value) {
		return nil, errNotAsAsked
	}
	return after, nil
}

var errNoSuchPlace = errors.New("there is no such place in the object")

// change does an edit on decoded values, which are changed.
func change(value any, path remedy.Path, e remedy.Edit) (any, error) {
	if len(path) == 0 {
		return e.Value, nil
	}
	element, last := path[0], len(path) == 1
	switch value := value.(type) {
	case nil:
		if e.Op == remedy.Set && element.Name != "" {
			return change(map[string]any{}, path, e)
		}
	case map[string]any:
		return changeField(value, path, e)
	case []any:
		if element.Name != "" || element.Index >= len(value) {
			break
		}
		if last && e.Op == remedy.Remove {
			return append(value[:element.Index:element.Index], value[element.Index+1:]...), nil
		}
		item, err := change(value[element.Index], path[1:], e)
		value[element.Index] = item
		return value, err
	}
	return nil, errNoSuchPlace
}

func changeField(fields map[string]any, path remedy.Path, e remedy.Edit) (any, error) {
	name := path[0].Name
	before, there := fields[name]
	if e.Op == remedy.Remove {
		if !there {
			return nil, errNoSuchPlace
		}
		if len(path) == 1 {
			delete(fields, name)
			return fields, nil
		}
	}
	after, err := change(before, path[1:], e)
	fields[name] = after
	return fields, err
}
