"""The commands that ask a cluster: `status --kube` (`instances`), `explain`, `why -n`, `tap -n`, and `dashboard`."""
