"""What can be tuned while traffic flows: breaker, limits, timeouts, retries.

One model (`model`) serves the configuration file and the custom resource; durations are seconds in the model and
Go-style text at the edges. Each field is declared once (`breaker_fields`, `limit_fields`, `traffic_fields`,
`spec_fields`): its name, bounds, meaning and rules make the parser, the JSON Schema, the custom resource (`crd`), the
reference page and what the admin API shows. A more specific policy replaces a whole stanza (`merge`).
"""
