/**
 * The error catalogue. Every error that zeekway raises on purpose has a code here; docs/errors.md lists the
 * same codes (a test holds the two together). A code is stable: tools may match on it.
 */

interface CatalogueEntry {
  /** What happened, in one line. */
  readonly summary: string;
  /** What the reader can do about it. */
  readonly action: string;
  /** The HTTP status where the error leaves by the API; 500 where it does not say. */
  readonly status?: number;
}

const entry = (summary: string, action: string, status?: number): CatalogueEntry =>
  status === undefined ? { summary, action } : { summary, action, status };

export const ERROR_CATALOGUE = {
  // codec
  decode_truncated: entry(
    'The bytes end before the value does.',
    'Check that the input is complete; the error names the byte offset.',
  ),
  decode_invalid: entry(
    'The bytes are not what the format allows at this place.',
    'Check what sent them; the error names the byte offset and what was expected.',
  ),
  decode_limit: entry(
    'A length or depth in the input is above the limit.',
    'Look at the sender: the limits are far above what Zeek sends. A program of your own can give its Endpoint others.',
  ),
  decode_trailing: entry(
    'Bytes are left over behind a complete value.',
    'Check what sent them; the error names the byte offset.',
  ),
  encode_invalid: entry(
    'A value cannot be written in the format asked for.',
    'Use a value in the range that the error names, or another format.',
  ),
  text_invalid: entry(
    'A text is not in the notation expected (address, subnet, port, time, interval).',
    'Correct the text; the error shows it and the notation.',
    400,
  ),
  notation_invalid: entry(
    "A value is not in Zeek's notation.",
    'Correct it at the character that the error names (counted from 1); docs/operations.md (Decode) has the notation.',
    400,
  ),
  // endpoints and peers
  endpoint_url_invalid: entry(
    'An endpoint URL cannot be understood.',
    'Write broker://host:port?tls=anonymous|mutual|off, zeromq://host?xpub=5555&xsub=5556, zeromq-log://host:port or ws://host:port; the error names the part.',
    400,
  ),
  endpoint_id_invalid: entry(
    'An endpoint ID is not a valid UUID.',
    'Zeek ignores peers whose ID is no UUID. Where the error names a file, delete it to get a new one.',
    400,
  ),
  endpoint_closed: entry(
    'The endpoint was closed.',
    'Make a new Endpoint: one that was closed stays closed.',
  ),
  listen_failed: entry(
    'The address cannot be listened on.',
    'Choose a free port or an address of this machine.',
  ),
  peer_unreachable: entry(
    'No connection to the peer could be made.',
    'Check host, port and firewall; zeekway goes on trying.',
  ),
  peer_not_broker: entry(
    'The other side does not speak the Broker protocol.',
    'Check the port: the error shows the first bytes that came.',
  ),
  peer_tls_mismatch: entry(
    'One side speaks TLS and the other does not, or they share no cipher.',
    'Use the tls= mode that the Zeek side has (Broker::disable_ssl = T is tls=off, certificates are tls=mutual, else anonymous).',
  ),
  peer_certificate: entry(
    'A certificate was missing, not signed by the CA, or for another host.',
    'Check cert=, key= and ca= on both sides; verify-host=no drops the host check. Of wss:// it is ca= and verify=no.',
  ),
  peer_incompatible: entry(
    'The peer speaks no protocol version that zeekway knows.',
    'Zeek 5.0 to 9.0 speak version 1; older ones cannot be peered with.',
  ),
  peer_protocol: entry(
    'The peer broke the protocol.',
    'See the error for the phase, what was expected and what came.',
  ),
  peer_dropped: entry(
    'The peer refused the connection (drop_conn).',
    'The error shows the code and text of the peer.',
  ),
  peer_timeout: entry(
    'The peer did not answer in time.',
    'Check that the port is a Broker port and that the peer is alive.',
  ),
  peer_overflow: entry(
    'A peer asks and does not read the answers.',
    'Look at the load of the peer and at the network between; the limit is PEER_STALLED_BYTES.',
  ),
  peer_closed: entry('The peer closed the connection.', 'Look at the log of the peer.'),
  too_many_peers: entry(
    'As many peers are connected as one listening socket takes.',
    'Look at who connects; the limit is INBOUND_CONNECTIONS.',
  ),
  peer_not_zeromq: entry(
    'The other side does not speak ZeroMQ as a cluster does.',
    'Check the ports: xpub= is the one of Cluster::Backend::ZeroMQ::listen_xpub_endpoint, xsub= that of listen_xsub_endpoint. A cluster with CURVE needs its keys.',
  ),
  peer_curve_refused: entry(
    'The ZeroMQ peer refused the CURVE key, or was refused.',
    'Give zeekway the keys of the cluster: ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_... in its environment, the same as those of Zeek.',
  ),
  curve_keys_invalid: entry(
    'Keys for CURVE are missing, or are none.',
    'Set the variables ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_... as Zeek has them, or none of them; curve=off in the URL connects without.',
    400,
  ),
  route_invalid: entry(
    'A route between transports cannot be understood.',
    'Write FROM>TO=PREFIX, like broker>zeromq=my/topic, or <> for both ways; the transports are broker, zeromq and websocket.',
  ),
  relay_failed: entry(
    'Log batches are not handed on to the loggers any more.',
    'The error says why; restart zeekway: what waits in its relay spool is handed on then.',
  ),
  zeromq_unavailable: entry(
    'The library for ZeroMQ cannot be loaded.',
    'Run `npm rebuild zeromq`: it has no binary for this machine.',
  ),
  peer_not_websocket: entry(
    "The other side does not speak Zeek's WebSocket API.",
    'Check host, port and path: it is the port of Cluster::listen_websocket (zeekctl: UseWebSocket = 1, port 27759), ws:// without TLS and wss:// with it.',
  ),
  websocket_refused: entry(
    'Zeek did not take something that was sent over its WebSocket API.',
    "The error shows Zeek's code and text: Zeek must know an event that is published, with exactly the declared types of its arguments.",
  ),
  // Zeek messages
  message_malformed: entry(
    'A message is not a Zeek message.',
    '`zeekway dead-letters show ID`: another program may publish on this topic. `drop` when it is of no use.',
  ),
  message_unknown: entry(
    'A Zeek message of a type that zeekway does not know.',
    '`zeekway dead-letters show ID`; a newer Zeek may need a newer zeekway: then `zeekway dead-letters retry`.',
  ),
  log_without_schema: entry(
    'A log record came before the description of its fields.',
    'Usual in a capture that begins in the middle; live, restart the peering. Once its log was announced: `zeekway dead-letters retry --code log_without_schema`.',
  ),
  log_record_malformed: entry(
    'A log record does not fit the fields that were announced.',
    '`zeekway dead-letters show ID` has the fields up to the byte that the error names; then `retry` or `drop`.',
  ),
  too_many_logs: entry(
    'A peer announced more logs than one peer may.',
    'Look at what it announces; the limit is PEER_LOG_SCHEMAS. Records of the further ones are dead letters: `zeekway dead-letters retry` stores them, whatever the limit is.',
  ),
  log_schema_invalid: entry(
    'A log announces fields that cannot become a table.',
    '`zeekway dead-letters show ID` has the announcement; `zeekway dead-letters retry` when the log can be a table.',
  ),
  // data stores
  store_type_clash: entry(
    'A value of that type cannot be added to, taken from or looked up in the entry of a store.',
    'Look at the type of the entry (zeekway store get) and use one that fits: Broker adds numbers to numbers of their own type, text to text.',
    409,
  ),
  store_key_missing: entry(
    'A store has no entry with that key.',
    'List the keys with zeekway store keys.',
    404,
  ),
  store_key_exists: entry(
    'A store has an entry with that key already.',
    'Read it, or put it without If-None-Match.',
    412,
  ),
  store_no_master: entry(
    'A clone has no master, so that it can neither be read nor written to.',
    'Check that the endpoint with the master is peered (GET /v1/peers) and that the name of the store is the same there.',
    503,
  ),
  store_write_unconfirmed: entry(
    'The master of a store was lost before it confirmed a write, which may have been done.',
    'Read the entry, and write again where it is not what it should be.',
    503,
  ),
  store_write_lost: entry(
    'A write of a clone never arrived at the master, and the clone no longer has it.',
    'Look for a connection that fails often; the error names the clone.',
  ),
  store_busy: entry(
    'Too many writes of a store wait for its back end.',
    'Wait for the writes that were made before; look at the state of the back end (GET /v1/stores).',
    503,
  ),
  store_closed: entry('The store was closed.', 'Attach it again.', 503),
  store_name_invalid: entry(
    'A store cannot have that name.',
    "Use one that is not empty and has no '/<$>/' in it: Broker makes topics of it.",
    400,
  ),
  store_backend_failed: entry(
    'The back end of a store failed.',
    'The error names the cause. A master tries again until it works, and confirms nothing meanwhile.',
    503,
  ),
  store_exists: entry(
    'This endpoint has the store already, or a peer has a master of that name.',
    'Use another name, or attach a clone.',
    409,
  ),

  // storage
  spool_failed: entry(
    'The spool, where what came is kept until the database has it, cannot be opened or written.',
    'Free disk space, or give the folder to the account that runs zeekway; the error says which. zeekway goes on trying, and its peers wait meanwhile.',
  ),
  spool_busy: entry(
    'Another zeekway uses the same data folder.',
    'Stop the other one, or give this one a folder of its own with --data.',
  ),
  spool_damaged: entry(
    'A part of the spool cannot be read.',
    'Check the disk. The rest is read on; the error names the entries that are lost.',
  ),
  database_unreachable: entry(
    'The database server cannot be reached.',
    'Check --database (or DATABASE_URL) and that the server runs.',
    503,
  ),
  database_auth: entry(
    'The database server refused the user, the password or the database.',
    'Check user, password and database name in --database (or DATABASE_URL).',
    503,
  ),
  database_version: entry(
    'The database server is older than PostgreSQL 14.',
    'Use PostgreSQL 14 or later, or leave --database out for the embedded one.',
  ),
  database_failed: entry('The database refused a statement.', 'The error shows what the server said.'),
  embedded_unavailable: entry(
    'The embedded PostgreSQL is not available on this platform.',
    'Give an external server with --database (or DATABASE_URL).',
  ),
  embedded_failed: entry(
    'The embedded PostgreSQL did not start.',
    'The error shows the last lines of its log; check the data folder and the free disk space.',
  ),
  too_many_partitions: entry(
    'A log has more days than the server has locks for: queries of all of them fail, and older days get no partition.',
    'Raise max_locks_per_transaction of the server (docs/operations.md), or set a retention.',
  ),
  items_not_written: entry(
    'What was received could not be written to the database before the end.',
    'Check the database; a replay can simply be run again.',
  ),
  row_rejected: entry(
    'The database refused a row.',
    'The error shows what the server said: remove the cause, then `zeekway dead-letters retry --code row_rejected`.',
  ),
  value_out_of_range: entry(
    'A time lies outside of what PostgreSQL can hold.',
    'The row is stored with the nearest value; `zeekway dead-letters show ID` has the record as it came.',
  ),
  // replay
  file_unreadable: entry('A file cannot be read.', 'Check the path and its permissions.'),
  capture_invalid: entry(
    'The file is neither a capture (pcap, pcapng) nor a Zeek log.',
    'Give a pcap, a pcapng or a Zeek log file (TSV or JSON), plain or gzipped.',
  ),
  capture_truncated: entry(
    'The capture ends in the middle of a packet.',
    'What came before was read; record it again if the end matters.',
  ),
  capture_damaged: entry(
    'A header in the capture holds what no capture can hold.',
    'What came before it was read; the error names the byte offset.',
  ),
  capture_unsupported: entry(
    'Packets of the capture are in a form that zeekway does not read.',
    'They were skipped: record on Ethernet, loopback, raw IP or "any", and without IP fragmentation.',
  ),
  capture_without_broker: entry(
    'There is no readable session of Zeek in the capture.',
    'Record the port of a Broker peering (9999 by default) or the ports of a ZeroMQ cluster (5555, 5556 and those of the loggers), without TLS or CURVE, from its beginning.',
  ),
  capture_encrypted: entry(
    'The capture holds a session with TLS or CURVE, which cannot be read.',
    'Record with Broker::disable_ssl = T, or a ZeroMQ cluster without CURVE keys, or connect zeekway instead.',
  ),
  capture_gap: entry(
    'Bytes are missing in a TCP stream of the capture.',
    'Record again without packet loss; the messages in the gap are lost, the rest was read.',
  ),
  capture_desynchronized: entry(
    'A stream begins in the middle of a session.',
    'What follows the first message boundary was read; record from the beginning of the peering for the rest.',
  ),
  log_file_invalid: entry(
    'A log file is not in the form that Zeek writes.',
    'The error names the line and what was expected; `zeekway dead-letters show ID` has it. Correct the file and replay it.',
  ),
  replay_busy: entry('Another zeekway replays the same file right now.', 'Wait until it has finished.'),
  replay_stopped: entry(
    'The replay was stopped in the middle.',
    'Replay the file again: what was stored of it is removed first.',
  ),
  // load and benchmark
  load_refused: entry(
    'The peer does not take the records of the load generator.',
    'Peer with a gateway or a logger: the error shows the topics that the peer wants.',
  ),
  bench_failed: entry(
    'A part of the benchmark ended before it was done.',
    'The error shows what that part said last; check memory and disk space.',
  ),
  bench_mismatch: entry(
    'What the database holds is not what was sent.',
    'This is a bug: please report it with the whole output.',
  ),
  // http and configuration
  request_invalid: entry(
    'The request is not understood.',
    'The error names the parameter; /openapi.json describes them all.',
    400,
  ),
  not_found: entry(
    'There is no such thing.',
    'Look at /v1/logs and /v1/dead-letters (or `zeekway dead-letters list`) for what there is.',
    404,
  ),
  cross_site_refused: entry(
    'A web page of another site asked for a change.',
    'Use the page at /docs, opened by an IP address or as localhost; or a program that is no browser.',
    403,
  ),
  unauthorized: entry(
    'A token is needed, and none or a wrong one was given.',
    'Send `Authorization: Bearer TOKEN`, with a token of `zeekway token create` or of door.tokens; WebSockets also take `?token=TOKEN` in the URL.',
    401,
  ),
  scope_missing: entry(
    'The token does not allow this.',
    'Make a token with the scope that the error names: `zeekway token create`.',
    403,
  ),
  rate_limited: entry(
    'There were too many requests, or too many with wrong tokens.',
    'Wait for as many seconds as `Retry-After` says; api.rate-limit is the limit.',
    429,
  ),
  tokens_missing: entry(
    'The API would listen for others, and nobody has a token.',
    'Make one with `zeekway token create`, listen on 127.0.0.1, or say `api.auth: anonymous`.',
  ),
  tls_invalid: entry(
    'Certificate or key of the API cannot be used.',
    'Give PEM files that belong together: api.tls-cert and api.tls-key.',
  ),
  token_exists: entry(
    'There is a token of that name.',
    'Choose another name, or revoke that one: `zeekway token revoke NAME`.',
  ),
  scope_invalid: entry('A scope of a token is none.', 'Write read, publish, publish:TOPIC_PREFIX or admin.'),
  too_many_clients: entry(
    'As many clients are connected as there may be.',
    'Let some go; /v1/clients lists those of the WebSocket door. The limits are DOOR_CLIENTS and TAIL_CLIENTS.',
    503,
  ),
  too_many_topics: entry(
    'The WebSocket clients want more topics than the gateway subscribes to on their behalf.',
    'Subscribe to prefixes that cover many topics; the limits are DOOR_CLIENT_TOPICS, DOOR_TOPICS and DOOR_TOPICS_BYTES.',
  ),
  filter_invalid: entry(
    'A filter cannot be understood.',
    'Correct it at the character that the error names (counted from 1); docs/query-language.md has the language.',
    400,
  ),
  query_timeout: entry(
    'The query took longer than the limit.',
    'Ask for a shorter time range or add a filter.',
    504,
  ),
  too_many_exports: entry(
    'As many exports are running as there may be.',
    'Try again when one has ended, or ask for pages (format=json); the limit is EXPORT_STREAMS.',
    503,
  ),
  internal: entry('Something went wrong inside zeekway.', 'Please report it with the log lines around it.'),
  api_unreachable: entry(
    'The HTTP API of the gateway cannot be reached.',
    'Check --api (ZEEKWAY_API), and that `zeekway serve` runs there.',
  ),
  api_unexpected: entry(
    'The HTTP API answered something else than was expected, or broke off.',
    'Check that --api is the address of a gateway, of this version, and its log.',
  ),
  export_failed: entry(
    'The file of an export cannot be written.',
    'Give a file that is not there yet, on a disk with room.',
  ),
  config_invalid: entry(
    'The configuration is not valid.',
    'Each line names the key, the variable or the option, and what was expected; docs/operations.md lists them all.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** Where an error happened: only what helps to find the place. */
export interface ErrorWhere {
  readonly peer?: string;
  readonly topic?: string;
  /** Byte offset in the frame, record or file that was being read. */
  readonly offset?: number;
  readonly file?: string;
}

/** An error with a code of the catalogue. `message` says what and where in one line. */
export class ZeekwayError extends Error {
  override readonly name: string = 'ZeekwayError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly where: ErrorWhere = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get action(): string {
    return ERROR_CATALOGUE[this.code].action;
  }
}

/** The one line of an error for a log or a terminal, whatever was thrown. */
export function errorLine(error: unknown): string {
  if (error instanceof ZeekwayError) return `${error.message} [${error.code}]`;
  return error instanceof Error ? error.message : String(error);
}
