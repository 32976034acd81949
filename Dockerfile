# The image of the agent: one static program and the certificates of public authorities.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/arcwright:VERSION --push .
#
# builds everything inside. ./image makes the same of a program that was built outside, with the target `local`. That one comes first,
# since a builder may run all stages before its target.
ARG RUST=1.95
ARG DEBIAN=bookworm

FROM scratch AS base
# Kubernetes takes a number only, where `runAsNonRoot` is to be checked.
USER 65532:65532
ENV ARCWRIGHT_DATA_DIR=/var/lib/arcwright HOME=/var/lib/arcwright SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENTRYPOINT ["/usr/local/bin/arcwright"]
CMD ["--help"]

FROM base AS local
COPY files/ /

FROM rust:${RUST}-${DEBIAN} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates cmake make musl-tools perl && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY benches benches
RUN target="$(uname -m)-unknown-linux-musl" && rustup target add "$target" && \
    cargo build --release --locked --bin arcwright --target "$target" && \
    install -D "target/$target/release/arcwright" /files/usr/local/bin/arcwright && \
    ln -s arcwright /files/usr/local/bin/kubectl-arcwright && \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /files/etc/ssl/certs/ca-certificates.crt && \
    install -d -o 65532 -g 65532 -m 700 /files/var/lib/arcwright && install -d -m 1777 /files/tmp

FROM base
COPY --from=build /files/ /
