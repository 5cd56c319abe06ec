# The compiler, and nothing of what it leaves but dist.
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN npm run build

# What runs. An optional peer of Drizzle would bring a second driver along.
FROM node:22-slim AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:22-slim
# A container that listens on its loopback address alone is reached by nobody.
ENV HOST=0.0.0.0
WORKDIR /app
COPY --from=production /app/node_modules node_modules
COPY package.json ./
COPY drizzle drizzle
COPY --from=build /app/dist dist
# By number, since Kubernetes cannot tell from a name that it is not root. The files stay root's.
USER 1000:1000
EXPOSE 3000
CMD ["node", "dist/server.js"]
