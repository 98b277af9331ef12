"""Where configuration comes from: a file, the mounted snapshot, the operator. The last good one is kept."""
