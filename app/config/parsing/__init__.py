"""From a file's plain values to routes, upstreams and keys; all faults together."""
