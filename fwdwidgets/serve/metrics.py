"""What an operator watches: a health address, Prometheus metrics, and a log in JSON."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import psutil
import tornado.web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from fwdwidgets.serve.places import Places


class Metrics:
    """What is measured of one server.

    Attributes:
        opened: pages whose kernel was started.
        seconds: from the request of a page to its last byte, after all cells have run.
    """

    def __init__(self, places: Places, kernels: Any) -> None:
        """Make the metrics; `len(kernels)` is the number of kernels."""
        self.registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self.opened = Counter("fwdwidgets_pages_opened", "Pages that got a kernel", **made)
        self.seconds = Histogram(
            "fwdwidgets_page_seconds",
            "Seconds from the request of a page to its last byte, all cells run",
            buckets=(0.5, 1, 2, 5, 10, 20, 60),
            **made,
        )
        gauges = {
            "fwdwidgets_kernels": ("Kernels that run", lambda: len(kernels)),
            "fwdwidgets_places": ("Learners that the server holds", lambda: places.count),
            "fwdwidgets_waiting": ("Readers who wait for a place", lambda: places.waiting),
            "fwdwidgets_server_bytes": ("Memory of the server itself", _own_bytes),
        }
        for name, (text, read) in gauges.items():
            Gauge(name, text, **made).set_function(read)


class Health(tornado.web.RequestHandler):
    """Whether the server answers, for a load balancer."""

    def get(self) -> None:
        """Say so."""
        self.set_header("Cache-Control", "no-store")
        self.write({"status": "ok"})


class MetricsPage(tornado.web.RequestHandler):
    """The metrics in Prometheus' text format."""

    def get(self) -> None:
        """Write all of them."""
        self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.write(generate_latest(self.settings["fwdwidgets_metrics"].registry))


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger and message, and the traceback of an exception."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _own_bytes() -> int:
    return int(psutil.Process().memory_info().rss)
