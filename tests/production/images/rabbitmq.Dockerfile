# What rabbitmq:4 is elsewhere, as far as docker/compose.yaml uses it.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rabbitmq-server >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && printf '#!/bin/sh\nchown -R rabbitmq: /var/lib/rabbitmq /tmp/easyai.conf\nexec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups env HOME=/var/lib/rabbitmq PATH=/usr/lib/rabbitmq/bin:$PATH "$@"\n' \
        >/usr/local/bin/docker-entrypoint.sh \
    && chmod +x /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/lib/rabbitmq/bin:$PATH RABBITMQ_LOGS=-
