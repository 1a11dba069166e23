// SPDX-License-Identifier: Apache-2.0

// Package isolation says what stands between the pods of a runtime class and
// their node's kernel, and which exemptions of the API server's configuration are
// therefore none of isolation.
//
// It goes by the name of the class's handler, which is all that the API shows. A
// name is a convention: a node may map any handler to any runtime, and nothing but
// a look at the node's containerd or CRI-O configuration tells.
//
// It is pure, and imports nothing of this project: the exempt classes come from
// the API server's configuration, the handlers from the cluster's RuntimeClasses.
package isolation
