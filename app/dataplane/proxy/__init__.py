"""One request's life between the two sides: admitted or rejected, sent, retried, responded to, completed once."""
