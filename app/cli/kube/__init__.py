"""The commands that ask a cluster: `status --kube` (`instances`), `explain` (`explanation`), `why -n`, `tap -n`."""
