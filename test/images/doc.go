// SPDX-License-Identifier: Apache-2.0

// Package images builds the operator's image as a release does, by hack/image.sh and
// the ko of hack/tools/ko, and looks at what arrives in a registry. The registry is
// in the memory of the test, and so is the base image, which stands in for the one
// of .ko.yaml: no network is asked.
//
// It imports nothing of the operator. All of it is in _test.go files.
package images
