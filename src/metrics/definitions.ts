/**
 * Every metric: the only list. `docs/reference/metrics.md` is generated from it. Names are AnyCable's without the `anycable_go_` prefix,
 * so dashboards keep working; what AnyCable lacks is marked "Ropeway's own".
 */
export const counters = {
  failed_auths_total: "Connections that were refused",
  client_msg_total: "Messages received from clients and understood",
  failed_client_msg_total: "Messages from clients that could not be decoded or carried out",
  disconnected_slow_clients_total: "Clients disconnected because too much was waiting for them",
  publications_total: "Publications received from the application, remote commands included",
  broadcast_msg_total: "Publications and remote commands handled for this node's clients",
  remote_commands_total: "Remote commands carried out",
  failed_broadcast_msg_total: "Publications that could not be parsed or handled",
  failed_pubsub_msg_total: "Messages of other nodes that were not understood: malformed, too large, or of a newer version (Ropeway's own)",
  server_msg_total: "Messages written to clients",
  failed_server_msg_total: "Messages that could not be written because the client was gone",
  timeout_server_msg_total: "Clients dropped because a write did not finish in ws_write_timeout",
  data_sent_total: "Bytes of messages written to clients, framing not included",
  data_rcvd_total: "Bytes of messages received from clients, framing not included",
  rpc_call_total: "RPC calls made, retries not included",
  rpc_error_total: "RPC calls that broke; an answer with status ERROR did not",
  rpc_retries_total: "RPC attempts made again",
  rpc_timeout_total: "RPC calls that got no answer in time",
  rpc_canceled_total: "RPC calls given up because the client went away",
  limited_connects_total: "Connections refused because their address had too many, or made them too fast (Ropeway's own)",
  limited_clients_total: "Clients disconnected because they sent more than a limit allows (Ropeway's own)",
  limited_whispers_total: "Whispers dropped because there were more than a limit allows (Ropeway's own)",
  missed_publications_total: "Publications that did not arrive over the pubsub and were read from the history instead (Ropeway's own)",
  missed_streams_total: "Streams whose listeners were disconnected because missed publications could not be read (Ropeway's own)",
  history_rejected_total: "Requests for history that were rejected, because something was missing (Ropeway's own)",
  sessions_restored_total: "Sessions that their clients came back to (Ropeway's own)",
  disconnect_calls_dropped_total: "Disconnect calls never made: the queue was full or the shutdown deadline passed (Ropeway's own)",
} as const;

export const gauges = {
  clients_num: "Authenticated clients",
  clients_uniq_num: "Distinct connection identifiers among them",
  broadcast_streams_num: "Streams with at least one subscriber on this node",
  disconnect_queue_size: "Disconnect calls waiting to be made",
  rpc_pending_num: "RPC calls waiting for a free slot",
  grpc_active_conn_num: "Connections to the application's gRPC servers",
  rpc_circuit_open: "1 while calls over HTTP fail at once because the application did not answer, else 0 (Ropeway's own)",
  mem_sys_bytes: "Resident memory of the process",
  goroutines_num: "Active handles and requests of the event loop: the nearest thing Node has to goroutines",
  event_loop_utilization:
    "Share of the time for which the event loop was busy, 0 to 1, since the reading before (a second ago or more): near 1 a process is at its limit (Ropeway's own)",
} as const;

/**
 * Shown only with ANYCABLE_MEMORY_METRICS=1. The names are those of Go's runtime; what they mean here is what V8 and Node have that is
 * nearest to it.
 */
export const memoryGauges = {
  heap_sys_bytes: "Memory that V8 has reserved for its heap",
  heap_alloc_total: "Bytes of V8's heap that are in use (a gauge, whatever its name says: it is AnyCable's)",
  heap_idle_bytes: "Reserved for V8's heap and not in use",
  heap_released_bytes: "Reserved for V8's heap without physical memory behind it",
  stack_sys_bytes: "Stack of the main thread; known on Linux only, 0 elsewhere",
  buffers_bytes: "Buffers outside of V8's heap: what waits for slow clients is here (Ropeway's own)",
} as const;

export const histograms = {
  rpc_duration_seconds: {
    help: "From the beginning of an RPC call to its end, waiting for a slot and retries included (Ropeway's own)",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  publication_delivery_seconds: {
    help: "From the arrival of a publication to its last write to a socket of this node (Ropeway's own)",
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
} as const;

export type CounterName = keyof typeof counters;
export type GaugeName = keyof typeof gauges | keyof typeof memoryGauges;
export type HistogramName = keyof typeof histograms;
