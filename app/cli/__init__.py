"""The commands of `tidegate`.

`commands.py` holds their words, options and help (typer); `actions.py` what each does; `fault_report.py` how a
fault reaches the user; `tables.py` what is printed in columns; `status/` one gateway's state, once or live;
`kube/` a cluster's operators and policies.
"""
