//go:build tools

// Package tools keeps what is built from here, but never imported, in go.mod and go.sum.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
