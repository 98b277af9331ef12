"""Redis or Valkey: one server, behind Sentinel, or as a Cluster; the one place that imports redis-py.

| module | what it holds |
|---|---|
| `url` | the grammar of REDIS_URL (pure) |
| `tls_files` | whether the TLS files that a URL names can be used |
| `slots` | which Cluster node holds a key (pure) |
| `topology` | the servers behind an address, and how they are found again |
| `scripts` | Lua scripts and calls of them |
| `servers` | runs scripts and commands on the right servers; every fault is a `StoreDown` |
| `subscription` | listens to channels |
| `causes` | redis-py's errors in plain words |
| `batch` | what one turn of the event loop sends together |

Nothing here waits longer than its socket timeouts. Lua files stay with the code that owns their keys. redis-py's own
clients for Sentinel and Cluster are not used: the Cluster client reads the table of all commands at the start and
after every fault, 0.1 s and more in which nothing else in the process moves, and the Sentinel client leaves
connections open when the primary changes.
"""
