"""The service's side: where endpoints are, which one takes a request, and the connections to them."""
