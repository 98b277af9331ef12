"""Objects of the Kubernetes API as frozen values, and their readers. Pure.

`fields` reads mappings key by key · `metadata` names and labels · `references` what one object says of another ·
`gateways`, `routes`, `ingress`, `services`, `policies` the kinds.

Readers set the API's defaults, so that manifests from a file read as those from the API server. Null is as good as
absent. A value of a wrong type is a fault (ConfigFaults). Words of an enumeration stay texts, and keys that we do not
know are kept as `unknown`: what the compiler cannot do it must report in the status, never drop.
"""
