# The compiler. Of what it leaves, only dist goes on. npm needs no other workspace than the one that is built.
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/fastify-neon/package.json packages/fastify-neon/
RUN npm ci
COPY commonjs.mjs tsconfig.base.json tsconfig.json ./
COPY packages/fastify-neon/tsconfig.json packages/fastify-neon/
COPY packages/fastify-neon/src packages/fastify-neon/src
COPY src src
RUN npm run build:service

# What runs. An optional peer of Drizzle would bring a second driver along.
FROM node:22-slim AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/fastify-neon/package.json packages/fastify-neon/
RUN npm ci --omit=dev --omit=optional --workspace=fastify-neon --include-workspace-root

FROM node:22-slim
# A container that listens only on its loopback address cannot be reached.
ENV HOST=0.0.0.0
WORKDIR /app
COPY --from=production /app/node_modules node_modules
# node_modules/fastify-neon is a link to this folder.
COPY packages/fastify-neon/package.json packages/fastify-neon/
COPY --from=build /app/packages/fastify-neon/dist packages/fastify-neon/dist
COPY package.json ./
COPY drizzle drizzle
COPY --from=build /app/dist dist
# By number, since Kubernetes cannot tell from a name that it is not root. The files stay root's.
USER 1000:1000
EXPOSE 3000
EXPOSE 3001
CMD ["node", "dist/server.js"]
