"""What the gateway reports about itself: numbers, one log line a request, spans, events, its own log.

It decides nothing and never makes a request wait. The data path touches only `counts` (integer cells),
`access_log` (one append), `tracecontext` (pure) and, with tracing on, `tracing`. The rest runs elsewhere:
`reading` copies the cells on the loop, `metrics` renders the copy in any thread, `log_writer` and the span
exporter have threads of their own. Units: seconds, bytes, milliseconds where a log field says `_ms`.
"""
