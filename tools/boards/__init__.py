"""The Grafana dashboards, one a module; each answers the question in its title."""
