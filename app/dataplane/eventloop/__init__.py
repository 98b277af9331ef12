"""What the data path asks of the event loop: one timer wheel, and clients that hang up unseen."""
