// SPDX-License-Identifier: Apache-2.0

// Package cli is the kubectl plugin: its root command, and what all commands share. Each command is a package of its own below it, and answers its
// command from a function New that takes the shared Factory.
//
// The plugin decides nothing of its own: verdicts, ladders and gates come from the operator's own packages. It may import all of internal and the API,
// never controllers.
package cli
