"""A collector of OpenTelemetry on this machine: takes what is sent, over real HTTP, and decodes it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """``spans`` in the order they came in; ``raw`` is every byte that was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.raw = b""
        self._came = threading.Condition()

    def take(self, path: str, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._came:
            self.paths.append(path)
            self.raw += body
            for resource in request.resource_spans:
                found = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
                self.services.add(found["service.name"])
                for scope in resource.scope_spans:
                    self.spans.extend(scope.spans)
            self._came.notify_all()

    def wait_for(self, count: int, timeout_s: float = 20.0) -> list[Span]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.spans) >= count, timeout_s), f"{len(self.spans)} spans"
            return self.spans

    def traces(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            found.setdefault(span.trace_id.hex(), []).append(span)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(self.path, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
