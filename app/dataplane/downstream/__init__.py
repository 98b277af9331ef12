"""The client's side: bytes of a connection become requests, responses become bytes."""
