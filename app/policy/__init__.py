"""What can be tuned while traffic flows: breaker, limits, timeouts, retry.

One model serves the configuration file and the custom resource; durations are seconds in the
model and Go-style text at the edges. A more specific policy replaces a whole stanza.
"""
