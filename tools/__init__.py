"""Generators: whatever in this repository is written from the code. `make generate` is `python -m tools`.

`pages` fills the tables of the documents, the custom resource and its reference · `boards` are the Grafana
dashboards · `chart` is what the Helm chart and `k8s/` take from elsewhere. Nothing here is installed.
"""
