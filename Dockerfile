# Two images from one file:
#
#   docker build --target webapid -t ecs-scheduler/webapid .
#   docker build --target scheduld -t ecs-scheduler/scheduld .
#
# and `--target stand-in` for the demo of docker-compose.yml. BASE may name a mirror's Debian 12.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    cmake dpkg-dev file gcc libc6-dev libcurl4-openssl-dev libevent-dev libevhtp-dev libjson-c-dev libpq-dev libssl-dev libsystemd-dev \
    ninja-build pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CHANGELOG.md CMakeLists.txt CMakePresets.json LICENSE README.md ./
COPY cmake cmake
COPY common common
COPY docs docs
COPY packaging packaging
COPY scheduld scheduld
COPY sql sql
COPY webapid webapid
RUN cmake --preset package && cmake --build --preset package && cd build/package && cpack

# What both daemons need to run: the package's dependencies, and curl to ask for their health.
FROM ${BASE} AS runtime
# The package makes these users if there are none. By number, as Kubernetes' runAsNonRoot takes no names.
RUN for user in 901:webapid 902:scheduld; do \
    groupadd --system --gid "${user%:*}" "${user#*:}" && \
    useradd --system --uid "${user%:*}" --gid "${user%:*}" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "${user#*:}" || exit 1; \
    done
COPY --from=build /src/build/package/ecs-scheduler_*.deb /tmp/
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends /tmp/ecs-scheduler_*.deb curl && \
    rm -rf /tmp/* /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/*
# A daemon is its container's first process: it handles SIGTERM itself, and leaves no zombies behind.
STOPSIGNAL SIGTERM

FROM runtime AS webapid
USER 901:901
ENV ECSS_LISTEN=0.0.0.0:8080
EXPOSE 8080
# With TLS by https, whatever name the certificate is for. Where clients need a certificate, or ECSS_LISTEN is another one, run it
# with a check of your own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/bin/sh", "-c", "exec curl --silent --insecure --fail --output /dev/null http${ECSS_TLS_CERT:+s}://127.0.0.1:8080/health/ready"]
ENTRYPOINT ["/usr/sbin/webapid"]

FROM runtime AS scheduld
# A volume there, for who asks from another container, is begun with this owner.
RUN install -d -o scheduld -g scheduld /run/scheduld
USER 902:902
ENV ECSS_ADMIN_LISTEN=unix:/run/scheduld/admin.sock
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/bin/curl", "--silent", "--fail", "--output", "/dev/null", "--unix-socket", "/run/scheduld/admin.sock", "http://admin/health/ready"]
ENTRYPOINT ["/usr/sbin/scheduld"]

# For the demo only: it answers like ECS, SQS and STS, and starts nothing.
FROM ${BASE} AS stand-in
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-botocore && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY tests/aws /opt/stand-in
USER 65534:65534
EXPOSE 8004
ENTRYPOINT ["/usr/bin/python3", "-B", "/opt/stand-in/standin.py"]
