// SPDX-License-Identifier: Apache-2.0

// Package randompod makes pods at random for property tests of what reads pods: every field there is, those that checks read with values that
// matter to them. The pods are what the API's types can hold, not what the API server would accept.
//
// It may import API machinery and nothing of this module.
package randompod
