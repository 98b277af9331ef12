"""The commands of `tidegate`.

`commands.py` and `status_command.py` hold their words, options and help (typer); `actions.py` what each does;
`fault_report.py` how a fault reaches the user; `tables.py` what is printed in columns; `check_output.py` what `check`
prints for programs; `file_explanation.py` what decides in a file; `status/` one gateway's state, once or live;
`kube/` a cluster's operators and policies.
"""
