"""The Celery app. Every setting here was measured; docs/decisions/celery.md has the reasons."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import kombu.utils.functional
from celery import Celery

from workers.fetching import Fetching
from workers.lease import MUTEX_S, Lease
from workers.queues import CONTROL, SAMPLE
from workers.reconnecting import Connection
from workers.settings import read_settings
from workers.watchdog import Watchdog

POOL = 4000
HANDED_OUT_BY_LEASE_ONLY_S = 24 * 3600

CONF: Mapping[str, Any] = MappingProxyType(
    {
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "task_default_queue": CONTROL,
        "task_routes": {"chorus.sample": {"queue": SAMPLE}},
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "result_expires": 3600,
        "result_backend_thread_safe": True,
        "redis_max_connections": POOL,
        "redis_backend_health_check_interval": 30,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "max_connections": POOL,
            "visibility_timeout": HANDED_OUT_BY_LEASE_ONLY_S,
            "unacked_mutex_expire": MUTEX_S,
        },
    }
)

# gevent patches locks before time, and its search for locks wakes Celery's lazy modules: kombu is imported
# too early, and waits for a lost Redis with a sleep that stops the whole process, all traces included.
kombu.utils.functional.sleep = time.sleep

settings = read_settings()
app = Celery(
    "chorus",
    broker=settings.broker_url,
    backend=settings.broker_url,
    include=["workers.tasks", "workers.life", "workers.logs", "workers.webhooks"],
)
app.conf.update(CONF)
app.amqp.Connection = Connection
app.steps["consumer"].update((Lease, Fetching))
app.steps["worker"].add(Watchdog)
