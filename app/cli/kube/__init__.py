"""The commands that ask a cluster: `status --kube` (`instances`) and `explain` (`explanation`)."""
