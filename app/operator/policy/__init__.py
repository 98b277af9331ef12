"""What policies mean together and what their status must say.

Pure: `compile` (all policies → what is in force), `fleet_breakers`, `status`, `status_throttle`, `notices`,
`explain`. `status_writer` keeps the statuses of all policies true.
"""
