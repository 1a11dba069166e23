// SPDX-License-Identifier: Apache-2.0

// Package manifest reads manifests the way kubectl does, and remembers where everything stands.
//
//   - Read takes one input apart: YAML of many documents or a stream of JSON, Lists and what is in them, and every pod or pod template, decoded as the
//     API server would decode it. What cannot be understood is an error that names the line, never something left out.
//   - Pod.Locate answers the line and column of a field, or of the nearest thing that is there when the field is missing.
//   - File.Edit carries out edits of package remedy in the text. Bytes that no edit is about stay as they are: comments, order, anchors, indentation.
//     Its answer is decoded again and compared with what the edits ask for, so an edit is done exactly or said to be impossible, never done wrong.
//
// Values come from sigs.k8s.io/yaml, as in kubectl (YAML 1.1: `yes` is true); positions come from the nodes of go.yaml.in/yaml.
//
// Everything here is a function of the bytes read: no client, no logger, no files, no clock. Of this module the package imports internal/remedy.
package manifest
