// SPDX-License-Identifier: Apache-2.0

// Command chart writes what of charts/podsecurity-rollout comes from config: the
// CRDs, the roles and the policies, from the output of kustomize on its standard
// input, and README.md from values.yaml. The rest of the chart is written by hand;
// test/chart compares what both render.
package main
