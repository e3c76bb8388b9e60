"""The Celery app. Every setting here was measured; docs/decisions/celery.md has the reasons."""

from celery import Celery

from workers.settings import read_settings

CONTROL = "control"
SAMPLE = "sample"
POOL = 4000

settings = read_settings()
app = Celery(
    "chorus",
    broker=settings.broker_url,
    backend=settings.broker_url,
    include=["workers.tasks", "workers.life", "workers.logs"],
)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_default_queue=CONTROL,
    task_routes={"chorus.sample": {"queue": SAMPLE}},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    result_expires=3600,
    result_backend_thread_safe=True,
    redis_max_connections=POOL,
    redis_backend_health_check_interval=30,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"max_connections": POOL, "visibility_timeout": 24 * 3600},
)
