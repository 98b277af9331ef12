"""From one declaration of a field to its parser with all faults, its JSON Schema and its line in the documents.

Everything that people write (configuration files, ResiliencePolicies, snapshots, reports of gateways) is read with
these pieces. They know nothing of breakers, limits or routes: what can be said stands in `policy/` and `config/`.

`document` YAML text → plain values with line numbers · `faults` what is wrong and where · `section` a mapping read key
by key · `wording` how a message names a value · `durations`, `instants`, `names` texts with a grammar · `nodes` JSON
Schema and Kubernetes' rules · `yaml_text` values → YAML.
"""
