# tamis as an image: built with what LightGBM's build needs, run with what the program needs.
FROM rust:1.95-trixie AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake libclang-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY crates crates
COPY xtask xtask
COPY systems systems
RUN cargo build --release --locked -p tamis

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home tamis
COPY --from=build /src/target/release/tamis /usr/local/bin/tamis
COPY systems /systems
# Data and everything that is derived from it; a volume, so that it outlives the container.
RUN mkdir /data && chown tamis /data /systems
ENV TAMIS_DATA=/data
VOLUME /data
USER tamis
WORKDIR /systems
STOPSIGNAL SIGTERM
ENTRYPOINT ["tamis"]
CMD ["--help"]
