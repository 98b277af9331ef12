"""Dashboards, rules and alerts: made by `build.py`, read by Grafana and Prometheus."""
