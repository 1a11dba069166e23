// SPDX-License-Identifier: Apache-2.0

// Package runtimeclasses follows the RuntimeClasses of the cluster: their names
// and the handlers that nodes run their pods with.
//
// It may import client-go and nothing of this project. Its data come from one
// watch. There are few RuntimeClasses, and of each only two names are kept.
package runtimeclasses
