"""The operator's ports with their bounds (`ports`), and what the admin port shows (`admin_api`, `instance_shapes`)."""
