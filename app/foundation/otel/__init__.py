"""Spans of the gateway and the cache service: where they go, which are kept, and how they get there.

`settings` reads the OTEL_* variables and `trace_context` reads and makes `traceparent` (both pure, light); `exporter`
is the adapter of OpenTelemetry's SDK and its OTLP exporter, imported only when tracing is on. What a span says is
decided beside what it describes: `app/telemetry/span_pipeline.py`, `cache/spans.py`.
"""
