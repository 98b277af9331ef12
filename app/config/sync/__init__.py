"""What gateways and the operator exchange: the snapshot of all policies, and the messages of the sync API."""
