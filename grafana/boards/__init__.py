"""One dashboard a module; each answers the question in its title."""
