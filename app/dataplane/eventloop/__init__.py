"""What the data path asks of the event loop: one timer wheel, gathered writes, clients that hang up unseen."""
