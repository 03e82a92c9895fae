# Two images from one build: `app` (an instance, and the migrate command) and `nginx` (the balancer with the same version's public files).
#   docker build --target app -t fleet2-app .        docker build --target nginx -t fleet2-nginx .
ARG NODE_IMAGE=node:24.21.0-trixie-slim
ARG NGINX_IMAGE=nginx:1.30.5

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# No package's script runs: nothing that the build needs is made by one.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
# What goes into the build by name (tests/deploy/compose.test.ts holds it to tools/build.ts): whoever edits
# a compose file, a test or a page of the handbook does not wait for the application to be built again.
COPY app.config.ts app.vue error.vue nuxt.config.ts tsconfig.json ./
COPY assets assets
COPY components components
COPY composables composables
COPY layouts layouts
COPY middleware middleware
COPY pages pages
COPY plugins plugins
COPY public public
COPY scripts/migrate.ts scripts/undo.ts scripts/
COPY server server
COPY shared shared
COPY tools/build.ts tools/bundle-commands.ts tools/
RUN node node_modules/nuxt/bin/nuxt.mjs prepare && node tools/build.ts

FROM ${NODE_IMAGE} AS app
# A gigabyte is the container's limit. The heap gets three quarters; buffers and the code itself live beside it.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    NUXT_DATA_DIR=/data \
    NODE_OPTIONS=--max-old-space-size=768
# 1777: a tmpfs that is mounted there takes the folder's mode and not its owner.
RUN install -d -o node -g node -m 1777 /data /var/log/fleet2
WORKDIR /app
# Owned by root: an instance cannot change its own code.
COPY --from=build /src/.output ./.output
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3000/api/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# `node .output/scripts/migrate.mjs` migrates, `undo.mjs` beside it undoes: no source tree is needed for them.
CMD ["node", ".output/server/index.mjs"]
# Last: another commit's label makes no layer anew. docs/supply-chain.md, "Provenance".
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="fleet2-app" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="MIT"

FROM ${NODE_IMAGE} AS node

FROM ${NGINX_IMAGE} AS nginx
# The checker's Node.js. Both images are the same Debian.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY deploy/nginx /usr/share/fleet2/nginx
COPY deploy/ha/fill.sh /usr/share/fleet2/fill.sh
COPY --from=build /src/.output/public /usr/share/fleet2/public
ENV FILL=/usr/share/fleet2/fill.sh \
    NGINX_PREFIX=/run/fleet2-nginx \
    NGINX_PUBLIC_DIR=/usr/share/fleet2/public
# 1777: a tmpfs that is mounted there takes the folder's mode and not its owner.
RUN install -d -o nginx -g nginx -m 1777 /run/fleet2-nginx
USER nginx
EXPOSE 8280 8443
# Graceful: what is under way is finished.
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=2s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8280/nginx-health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/share/fleet2/nginx/start.sh"]
# docs/supply-chain.md, "Provenance".
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="fleet2-nginx" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="MIT"
