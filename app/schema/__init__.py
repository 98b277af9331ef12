"""From one declaration of a field to its parser with all faults, its JSON Schema and its line in the documents.

Everything that people write (configuration files, ResiliencePolicies, snapshots, reports of gateways) is read with
these pieces. They know nothing of breakers, limits or routes: what can be said stands in `policy/` and `config/`.

`records` and `fields` declare mappings and their keys · `section` reads a mapping key by key · `faults` what is wrong
and where · `wording` how a message names a value · `durations`, `instants`, `names` texts with a grammar · `nodes`
JSON Schema and Kubernetes' rules · `document` YAML text to plain values with line numbers · `yaml_text` values to YAML.
"""
