// SPDX-License-Identifier: Apache-2.0

// Package monitoring tests what people see of the operator through Prometheus:
// the alerts by promtool, and every query of the dashboard and every alert by a
// real Prometheus that scrapes the real operator on the cluster of the demo.
//
// promtool and Prometheus are built from hack/tools/prometheus, a module of its
// own, into bin/tools/prometheus: a few minutes the first time.
package monitoring
