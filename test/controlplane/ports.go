// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// The ports to choose from lie below those that kernels give to outgoing connections. Above, a client
// that redials a server that is down can be given the server's own port as its source, and then keeps
// the server from coming back.
const (
	firstPort = 20000
	lastPort  = 32767
)

// portAttempts bound the search for a free port, and the starts of a program whose port another
// process took between the search and the start.
const (
	searchAttempts = 100
	portAttempts   = 5
)

// freePort answers a loopback port that nobody listens on at the moment.
func freePort() (int, error) {
	var last error
	for range searchAttempts {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		listener, err := net.Listen("tcp", hostPort(port))
		if err != nil {
			last = err
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("releasing port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("finding a free port between %d and %d: %w", firstPort, lastPort, last)
}

// FreeAddress answers a loopback address that nobody listens on at the moment.
func FreeAddress() (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	return hostPort(port), nil
}

func hostPort(port int) string {
	return net.JoinHostPort(loopback, strconv.Itoa(port))
}
