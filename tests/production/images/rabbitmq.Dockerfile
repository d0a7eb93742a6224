# What rabbitmq:4 is elsewhere, as far as docker/compose.yaml and pytest-celery use it.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rabbitmq-server >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && echo 'loopback_users.guest = false' >/etc/rabbitmq/rabbitmq.conf
COPY rabbitmq-entrypoint /usr/local/bin/docker-entrypoint.sh
# HOME is where the server's cookie lies: programs that `docker exec` starts as root need it as well.
ENV PATH=/usr/lib/rabbitmq/bin:$PATH HOME=/var/lib/rabbitmq LANG=C.UTF-8 RABBITMQ_LOGS=-
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["rabbitmq-server"]
