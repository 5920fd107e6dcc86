/**
 * `ANYCABLE_` variables that other programs read: the Ruby gems (which take one for each of their settings), the Node.js packages, build scripts.
 * They are no misspelt options, however near they come to one.
 */
export const neighbourVariables: ReadonlySet<string> = new Set(
  [
    // The Ruby gems.
    "ACCESS_LOGS_DISABLED",
    "CONF",
    "DISABLE_RPC_POOL_FORKING",
    "EMBEDDED",
    "ENV",
    "FLY_WS_APP_NAME",
    "HTTP_BROADCAST_URL",
    "HTTP_HEALTH_PATH",
    "HTTP_HEALTH_PORT",
    "HTTP_RPC_MOUNT_PATH",
    "JWT_TTL",
    "LOG_FILE",
    "LOG_GRPC",
    "NATS_OPTIONS",
    "PERSISTENT_SESSION_ENABLED",
    "POSTGRES_BROADCASTS_TABLE",
    "POSTGRES_CONTRACT_TABLE",
    "POSTGRES_URL",
    "POSTGRES_VALIDATE_CONTRACT",
    "RPC_MAX_CONNECTION_AGE",
    "RPC_MAX_WAITING_REQUESTS",
    "RPC_POLL_PERIOD",
    "RPC_POOL_KEEP_ALIVE",
    "RPC_POOL_SIZE",
    "RPC_SERVER_ARGS",
    "RPC_TLS_CERT",
    "RPC_TLS_KEY",
    "SID_HEADER_ENABLED",
    "VERSION_CHECK_ENABLED",
    "WEBSOCKET_URL",
    // The Node.js packages and their examples.
    "BROADCAST_URL",
    "URL",
    "WS_URL",
    // Images and build scripts.
    "VERSION",
  ].map((name) => `ANYCABLE_${name}`),
);
