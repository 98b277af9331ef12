"""The commands of `tidegate`: `run.py` does, `commands.py` describes (typer), `status.py` shows a gateway."""
