/**
 * Every limit of zeekway, with its reason. A limit exists so that no peer, file or client can make the
 * gateway allocate without bound; the defaults are far above what Zeek itself sends.
 */

/** Limits of the decoders. They are passed to each decoder and can be configured. */
export interface CodecLimits {
  readonly frameBytes: number;
  readonly stringBytes: number;
  readonly collectionItems: number;
  readonly depth: number;
  readonly topicBytes: number;
  readonly filterTopics: number;
  readonly logFields: number;
}

export const DEFAULT_CODEC_LIMITS: CodecLimits = {
  /**
   * One frame. Zeek sends batches of 400 log records (`Broker::log_batch_size`), about 100 KiB; a store
   * snapshot can be large. CAF itself allows INT32_MAX, which one hostile peer could make us allocate.
   */
  frameBytes: 64 * 1024 * 1024,
  /** One string: file contents and payloads travel as strings, but inside one frame. */
  stringBytes: 64 * 1024 * 1024,
  /**
   * Elements of all sets, tables and vectors of one message together (nodes of one JSON text). One takes as
   * little as a byte of the frame and up to 300 bytes here: without this, a frame could need 40 times its size.
   */
  collectionItems: 1024 * 1024,
  /** Nesting of values. Zeek's records nest a handful deep; each level costs a stack frame here. */
  depth: 64,
  /** One topic: the envelope has 16 bits for it. */
  topicBytes: 65_535,
  /** Topics of one filter: a busy Zeek node subscribes to some dozens. */
  filterTopics: 10_000,
  /** Fields of one log: PostgreSQL allows 1,600 columns a table, and we add our own. */
  logFields: 1_500,
};

/** How long TCP and TLS may take to connect. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** Connections that one listening socket keeps at the same time: far above the nodes of a large cluster. */
export const INBOUND_CONNECTIONS = 2_000;

/** How long a socket may stay without traffic once we have ended it: the other side may never close its half. */
export const CLOSE_LINGER_MS = 2_000;

/** TCP keep-alive: a peer whose machine died is noticed without traffic. */
export const KEEPALIVE_MS = 30_000;

/** How long a handshake may take before the connection is given up. Zeek's own connect timeout is 1 s. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A handshake message never needs more: a filter of the largest size plus slack. */
export const HANDSHAKE_FRAME_BYTES = 1024 * 1024;

/** Parts of one ZeroMQ message: Zeek's have four, each costs an object. All of them together have `frameBytes`. */
export const ZMTP_MESSAGE_PARTS = 64;
/** One ZMTP command that is not encrypted: a subscription has a topic, the others have less. */
export const ZMTP_COMMAND_BYTES = 64 * 1024;

/** How long an unpeer waits for the BYE to be answered (`broker::defaults::unpeer_timeout`). */
export const UNPEER_GRACE_MS = 3_000;

/** How long a peer that seems to be connected twice may take to answer a ping on its first connection. */
export const LIVENESS_TIMEOUT_MS = 5_000;

/** A ping that is answered: the payload comes back, and Broker's own has 11 bytes. */
export const PING_BYTES = 64 * 1024;

/** TTL of what we publish (`broker::defaults::ttl`). */
export const DEFAULT_TTL = 16;

/** First and longest wait between two dials of one peer; doubled each time, with jitter. */
export const REDIAL_FIRST_MS = 500;
export const REDIAL_LONGEST_MS = 30_000;

/**
 * Bytes that may wait to be written to one peer. Above it `publish` reports an overflow: a peer that does
 * not read must not fill our memory.
 */
export const PEER_SEND_QUEUE_BYTES = 16 * 1024 * 1024;

/**
 * Bytes that wait for one peer, whatever they are, when its connection is given up: one message may be as large as
 * a frame, and the answers to its pings come on top of what it does not read. After a message that is larger than that, which
 * the snapshot of a store can be, it is that message and PEER_SEND_QUEUE_BYTES.
 */
export const PEER_STALLED_BYTES = 96 * 1024 * 1024;

/** What is read of a ZeroMQ socket before others have a turn. */
export const ZEROMQ_TURN_BYTES = 1024 * 1024;
/** When a ZeroMQ socket without room is tried again: it has 1,000 messages to get rid of. */
export const ZEROMQ_RETRY_MS = 10;
/** Gateways that an event is routed through, from one transport to another: more than sites have worlds. */
export const ROUTE_HOPS = 4;
/** How long what ZeroMQ has taken for a logger may take to be sent when the gateway stops. */
export const RELAY_LINGER_MS = 2_000;
/**
 * Senders of one ZeroMQ socket that are known at the same time. It does not tell who has left, and each start of a
 * node makes a new one; clusters have hundreds.
 */
export const ZEROMQ_SENDERS = 2_000;

/**
 * How long Zeek's WebSocket API may take to acknowledge the subscriptions: it starts a backend for each client, in its
 * main loop, and who gives up early makes it start another one.
 */
export const WEBSOCKET_ACK_TIMEOUT_MS = 30_000;
/** Silence after which a WebSocket peer is asked for a sign of life; Zeek's own server pings every 5 s. */
export const WEBSOCKET_SILENCE_MS = 15_000;
/**
 * How often a WebSocket peer that is not read, for back-pressure, hears that we live: its pings stay unread, and one
 * without a pong until the next, 5 s later, would end the connection.
 */
export const WEBSOCKET_HEARTBEAT_MS = 2_000;
/** The least time between two connections to one WebSocket server: bursts of clients have killed Zeek. */
export const WEBSOCKET_DIAL_INTERVAL_MS = 1_000;
/** What of a text of the other side is shown in an error: it may be as long as a frame. */
export const SHOWN_TEXT_CHARS = 300;

/** Addresses whose last failure to peer is remembered, so that a scanner is reported once. */
export const FAILURE_LOG_ENTRIES = 1_000;

/** Messages that wait for one subscriber before its peers are paused (back-pressure)... */
export const SUBSCRIBER_QUEUE_MESSAGES = 4_096;
/** ...or bytes of them: a batch of 400 log records has 100 KiB. */
export const SUBSCRIBER_QUEUE_BYTES = 8 * 1024 * 1024;

/**
 * Parts of one payload that are no Zeek messages at all, each kept on its own; then the rest is kept as one. Each
 * costs a thousand times the byte that it may consist of.
 */
export const MALFORMED_MESSAGES = 100;

/** Logs (stream, writer, path) that one peer may announce: a site with a path for each host has thousands. */
export const PEER_LOG_SCHEMAS = 10_000;

/** Announcements whose table is remembered, over all peers; a further one makes the database be asked again. */
export const KNOWN_ANNOUNCEMENTS = 20_000;

/** What came is made durable when it has this many bytes... */
export const SPOOL_SYNC_BYTES = 4 * 1024 * 1024;
/** ...or is this old: what a crash can take is what came in the last moment. */
export const SPOOL_SYNC_MS = 50;
/** What waits for the database on disk, before reading stops: an hour of 5,000 conn records a second. */
export const SPOOL_BYTES = 4 * 1024 * 1024 * 1024;
/** What waits for the database in memory; what comes behind it is read from the disk again. */
export const SPOOL_MEMORY_BYTES = 8 * 1024 * 1024;
/**
 * Buffers of groups that are kept to be used again, besides SPOOL_MEMORY_BYTES of them: one that fills, those on their
 * way to the disk, and those whose records are in batches. They are shared memory, of which the garbage collector does
 * not feel the weight: one that is not kept stays for long.
 */
export const SPOOL_BUFFERS_KEPT = 8;
/** Groups that wait to be made durable before reading stops: one is being written, one waits. */
export const SPOOL_GROUPS_UNSYNCED = 2;
/** How long what the database has may still take up room in the spool. */
export const SPOOL_RELEASE_MS = 1_000;
/** First and longest wait between two tries to write to a disk that is full. */
export const SPOOL_RETRY_FIRST_MS = 100;
export const SPOOL_RETRY_LONGEST_MS = 5_000;
/**
 * What is read through the spool's memory map before it is mapped anew: pages that were read count as ours in the
 * resident size as long as the map lives.
 */
export const SPOOL_MAPPED_BYTES = 8 * 1024 * 1024;
/**
 * What is read before the spool's thread is replaced by a new one: each time that LMDB maps a file anew, 130 KiB stay
 * until the thread ends (lmdb 3.5, measured), so that a thread grows by 8 MiB.
 */
export const SPOOL_THREAD_BYTES = 512 * 1024 * 1024;

/** A batch is written to the database when it has this many bytes... */
export const BATCH_BYTES = 4 * 1024 * 1024;
/** ...or is this old: a quiet stream is visible within a second. */
export const BATCH_AGE_MS = 200;
/** Batches that wait for the database before reading stops. Bounds memory to about 3 x BATCH_BYTES. */
export const BATCHES_IN_FLIGHT = 2;

/** Bytes of rows that are made before sockets get a turn: about a millisecond. */
export const BATCH_SLICE_BYTES = 128 * 1024;

/** Kinds of dead letters (code, peer, subject) that are told apart in the log and in the statistics. */
export const DEAD_LETTER_KINDS = 1_000;

/** Bytes of a raw message that are kept in a dead letter: enough for any real record. */
export const DEAD_LETTER_BYTES = 1024 * 1024;
/**
 * Bytes of a log's announcement that are kept with each of its records in the dead letters: 1,500 fields with names
 * of 25 bytes. A peer that announces more must not make us store it again for every record of 30 bytes.
 */
export const DEAD_LETTER_SCHEMA_BYTES = 64 * 1024;

/** Dead letters that are dropped in one transaction: some ten milliseconds, in which their rows are locked. */
export const DEAD_LETTER_STEP = 1_000;
/** Dead letters that are tried again in one transaction... */
export const RETRY_STEP = 200;
/** ...or bytes of them: they are in memory three times, as text, as bytes and as rows. */
export const RETRY_BYTES = 8 * 1024 * 1024;

/** What the inspection of a dead letter shows: messages, fields and values, more than any real message has... */
export const INSPECTED_VALUES = 10_000;
/** ...bytes of one text and of all texts together, before they are escaped... */
export const INSPECTED_TEXT_BYTES = 4_096;
export const INSPECTED_TEXTS_BYTES = 256 * 1024;
/** ...and bytes of what could not be read, in hex. */
export const INSPECTED_REST_BYTES = 4_096;

/** What `zeekway decode` shows of one message: nobody keeps it, and a batch of records has 10,000 fields. */
export const DECODED_VALUES = 1024 * 1024;
export const DECODED_TEXT_BYTES = 64 * 1024;
export const DECODED_TEXTS_BYTES = 64 * 1024 * 1024;

/**
 * How much larger than what is live the heap of a gateway may grow before all of it is searched for garbage, in
 * percent. V8 would let it grow to four times that: 60 MiB more, to save some percent of the processor time.
 */
export const HEAP_GROWTH_PERCENT = 100;

/** How long a gateway that is told to stop goes on writing what it has received. */
export const SHUTDOWN_DRAIN_MS = 30_000;

/** First and longest wait between two tries to reach the database. */
export const DATABASE_RETRY_FIRST_MS = 250;
export const DATABASE_RETRY_LONGEST_MS = 10_000;
/** How long to wait for a connection to the database before it counts as unreachable. */
export const DATABASE_CONNECT_TIMEOUT_MS = 10_000;

/**
 * The first day that may have a partition, in days since 1970: 1995-01-01. Zeek (as Bro) began in that year; earlier
 * times come from clocks that were never set.
 */
export const EARLIEST_PARTITION_DAY = 9_131;
/** How far ahead of now a record may be to get a partition, and partitions are made, in days. */
export const PARTITION_DAYS_AHEAD = 2;
/**
 * How far back a live record's day gets its partition at once. Older days wait in the default partition until they
 * have PARTITION_MIN_ROWS: a peer that lies about its times must not make thousands of partitions.
 */
export const PARTITION_DAYS_BACK = 30;
/** Rows that a day before these must have to get a partition of its own: fewer are no burden where they are. */
export const PARTITION_MIN_ROWS = 1_000;
/** Days that one batch of a replay may begin: a file with more of them has a few rows of each. */
export const PARTITION_DAYS_PER_BATCH = 31;
/** Partitions that are made in one transaction: some 10 ms each, a short time for the locks. */
export const PARTITIONS_PER_TRANSACTION = 16;
/**
 * Partitions of one log, ten years of days and some: with 4,000 a query without a range of time takes half a second to
 * be planned. Where the server's lock table is small it is less, see PARTITION_LOCKS.
 */
export const PARTITIONS_PER_LOG = 4_000;
/**
 * Locks that a query without a range takes for each partition: the table and four indexes. A query must fit into
 * half of the lock table (max_locks_per_transaction * (max_connections + max_prepared_transactions)), or the server
 * refuses it: "out of shared memory". The default settings have room for 640 partitions.
 */
export const PARTITION_LOCKS = 5;
/**
 * How long a new column waits for those who read or write its log. Who comes behind waits as long; it is tried again
 * until it succeeds. Longer than PostgreSQL's deadlock_timeout (1 s), after which it cancels an autovacuum in the way.
 */
export const SCHEMA_LOCK_TIMEOUT_MS = 1_500;
/**
 * How long making, moving or dropping a partition waits for a lock. Who comes behind waits as long: readers of that
 * log and, where it is the default partition, writers of rows for it.
 */
export const PARTITION_LOCK_TIMEOUT_MS = 500;
/** How long it waits for its turn, behind another gateway that makes partitions of the same log: nobody waits for it. */
export const PARTITION_TURN_TIMEOUT_MS = 5_000;
/** How long a log's rows go to its default partition, when a partition could not be made, before the next try. */
export const PARTITION_RETRY_MS = 10_000;
/** How long a gateway believes that the partitions it has seen are there. */
export const PARTITION_CACHE_MS = 600_000;
/**
 * Bytes of the default partition up to which a batch makes partitions itself: PostgreSQL reads all of it for each one,
 * some 0.2 s. Where it is larger the maintenance makes them.
 */
export const PARTITION_DEFAULT_BYTES = 256 * 1024 * 1024;
/** How often the partitions are looked after: what came since is not summarized in their indexes. */
export const MAINTENANCE_INTERVAL_MS = 60_000;
/** How long after the end of its day a partition is sealed: what comes later costs more to write. */
export const SEAL_GRACE_MS = 3_600_000;
/** A partition of a past day that got more rows than this since the last look is still being written. */
export const SEAL_QUIET_ROWS = 1_000;
/**
 * Bytes up to which a partition is sealed in one transaction, some 0.2 s in which nobody writes to it. Building indexes
 * beside the writers takes longer for each than that.
 */
export const SEAL_AT_ONCE_BYTES = 16 * 1024 * 1024;
/** Partitions that retention drops in one transaction, in which nobody reads or writes the log: some milliseconds each. */
export const RETENTION_PARTITIONS = 16;
/** Rows that retention deletes from a default partition in one step, and steps of one pass; the next one goes on. */
export const RETENTION_STEP_ROWS = 10_000;
export const RETENTION_STEPS = 100;
/** How often a default partition is read for old rows, and for rows that wait for their day where no new ones came. */
export const DEFAULT_LOOK_MS = 3_600_000;
/** Rows that are moved out of the default partition before a batch is written; more are left to the maintenance. */
export const PARTITION_MOVE_ROWS = 20_000;
/** Rows of a default partition that are read to tell of which days they are: it may be as large as a log... */
export const PARTITION_REPORT_ROWS = 100_000;
/** ...and days that are told: who has more has clocks to look at, not days. */
export const PARTITION_REPORT_DAYS = 31;

/** How long the embedded PostgreSQL may take to answer: a recovery after a crash reads up to 2 GiB of WAL. */
export const EMBEDDED_START_TIMEOUT_MS = 120_000;
/** How long it may take to stop: it writes what is in its buffers first. */
export const EMBEDDED_STOP_TIMEOUT_MS = 60_000;
/** The log file of the embedded PostgreSQL begins anew at a start when it is larger than this. */
export const EMBEDDED_LOG_BYTES = 1024 * 1024;

/** Rows of one API answer, at most and by default. */
export const API_ROWS_MAX = 10_000;
export const API_ROWS_DEFAULT = 100;
/**
 * Text of the cells of one API answer, after which the page ends (`next` goes on): 10,000 wide rows would be 90 MB,
 * and their JSON three times that in memory, for each client that is slow to read.
 */
export const API_PAGE_BYTES = 4 * 1024 * 1024;
/** Connections of API clients at the same time, and how long one may stand still: longer than a query may run. */
export const API_CONNECTIONS = 256;
export const API_IDLE_MS = 60_000;
/** How long a client may take for TLS's handshake: some round trips. */
export const API_HANDSHAKE_MS = 10_000;
/** How long one API query may run in the database. */
export const API_QUERY_TIMEOUT_MS = 30_000;
/**
 * How long an export of a whole result may take, the client's reading included: some ten million rows. All that time its
 * transaction keeps the log's table from getting columns and its old partitions from being dropped.
 */
export const EXPORT_TIMEOUT_MS = 600_000;
/** Exports at the same time: each holds one of the six connections that the API has (QUERY_POOL_SIZE). */
export const EXPORT_STREAMS = 3;
/** Rows of an export that are fetched at once, and bytes of them where they are large: what one waits for in memory. */
export const EXPORT_FETCH_ROWS = 1_000;
export const EXPORT_FETCH_BYTES = 1024 * 1024;
/**
 * Rows of one row group of Parquet and of one batch of Arrow, and bytes of them where they are large. They are written
 * at once, some 0.1 s in which nothing else runs; a file of many small groups is slow to read, and what its footer says
 * of each, 1 KB a column, has to be kept until the end.
 */
export const EXPORT_GROUP_ROWS = 10_000;
export const EXPORT_GROUP_BYTES = 16 * 1024 * 1024;
/** How long the readiness probe waits for the database: probes themselves give up after a few seconds. */
export const API_READY_TIMEOUT_MS = 2_000;
/** Bytes of each message in the list of dead letters; one alone is given in whole. */
export const API_RAW_BYTES = 4_096;
/** The body of a request: an event that is published has some KiB. */
export const API_BODY_BYTES = 64 * 1024;
/** A parameter in the URL's path: a log's path may be long. Fastify's own limit is 100. */
export const API_PATH_PARAMETER_CHARS = 1_024;

/** Recent rows whose values are offered for completion: enough to know the frequent ones, read in some 10 ms. */
export const COMPLETE_ROWS = 5_000;
/** Somebody is writing: what comes later than this comes too late. */
export const COMPLETE_TIMEOUT_MS = 1_500;
/** Items of a completion. More than conn has fields; a list of which nobody reads the end. */
export const COMPLETE_ITEMS = 100;

/** Characters of a text by which rows are sorted: they are in the cursor, and a URL may have some KiB. */
export const SORT_TEXT_CHARS = 256;

/** Connections of one community ID: endpoints that use the same ports again; the latest ones are told. */
export const COMMUNITY_ID_UIDS = 1_000;

/** Keys and metrics of one aggregate: each costs memory in the database for every group... */
export const AGGREGATE_KEYS = 8;
export const AGGREGATE_METRICS = 16;
/** ...and fields that one metric adds. */
export const METRIC_FIELDS = 8;
/** Buckets of a histogram that are asked for by their number: a page has no more pixels to draw them. */
export const HISTOGRAM_BUCKETS_MAX = 1_000;
export const HISTOGRAM_BUCKETS_DEFAULT = 100;
/** Buckets that a width may lead to: a week of minutes. Each is there, also where nothing happened. */
export const HISTOGRAM_WIDTH_BUCKETS = 10_080;
/** Values of a histogram that are counted on their own: each has a number for every bucket. */
export const HISTOGRAM_SERIES_MAX = 20;
export const HISTOGRAM_SERIES_DEFAULT = 5;
/** The widest bucket of time: a century. More is one bucket of all. */
export const BUCKET_DAYS_MAX = 36_500;
/** Requests of one token (or address) in a minute, by default: a page of charts asks for some dozens at once. */
export const API_RATE = 6_000;
/**
 * Requests with a wrong token (or, to change something, with none) from one address in a minute: a person who mistypes
 * one has some.
 */
export const API_FAILURE_RATE = 30;
/** The time that both are counted in. */
export const API_RATE_WINDOW_MS = 60_000;
/** Callers whose requests are counted at the same time; the one that was seen longest ago is forgotten first. */
export const API_RATE_CALLERS = 10_000;
/** Arguments of an event that is published over HTTP. Zeek's own have at most some dozen. */
export const API_EVENT_ARGUMENTS = 1_000;

/** Random bytes of a token: nobody guesses them. */
export const TOKEN_BYTES = 32;
/** How often a gateway reads the tokens anew: a token that was revoked works for so long. */
export const TOKEN_REFRESH_MS = 2_000;
/** How often it writes when tokens were last used: that need not be known to the second. */
export const TOKEN_USED_MS = 60_000;
/** The longest time for which a token is made: a century. */
export const TOKEN_EXPIRES_MAX_MS = 36_500 * 86_400_000;
/** Entries of the audit log that wait for the database: more are in the log of zeekway only. */
export const AUDIT_WAITING = 1_000;
/** Characters of one part of what an entry is about. */
export const AUDIT_TARGET_CHARS = 1_024;
/** Peers and streams whose records are counted; the pair that was seen longest ago is forgotten first. */
export const INGEST_STREAMS = 10_000;

/** WebSocket clients at the same time: each costs some 30 KiB, and what waits for it (DOOR_QUEUE_BYTES). */
export const DOOR_CLIENTS = 5_000;
/**
 * Bytes that may wait for one client, by default: some seconds of a busy cluster's events. Clients that want the same
 * messages share their bytes.
 */
export const DOOR_QUEUE_BYTES = 1024 * 1024;
/** The smallest queue that can be asked for: some events. */
export const DOOR_QUEUE_BYTES_MIN = 16 * 1024;
/** ...and how many messages: each takes a place in the queue of its own, which is not shared. */
export const DOOR_QUEUE_MESSAGES = 4_096;
/**
 * Bytes that a client's socket is given ahead of the system. What is behind them waits in the client's queue, where it
 * can be dropped.
 */
export const DOOR_SOCKET_BYTES = 64 * 1024;
/** One frame of a client: an event, of some KiB as a rule... */
export const DOOR_FRAME_BYTES = 4 * 1024 * 1024;
/** ...and the nodes of its JSON: each takes up to 300 bytes here, and any client may send one. */
export const DOOR_FRAME_ITEMS = 64 * 1024;
/** Topic prefixes of one client... */
export const DOOR_CLIENT_TOPICS = 5_000;
/** ...and of all together, each counted once: every peer is told all of them. A Broker filter may have 10,000... */
export const DOOR_TOPICS = 10_000;
/** ...and has to fit into a handshake (HANDSHAKE_FRAME_BYTES). */
export const DOOR_TOPICS_BYTES = 512 * 1024;
/** How long a client may take to say what it subscribes to. */
export const DOOR_SUBSCRIBE_MS = 10_000;
/** How often clients are asked whether they live; who has not answered the last time is let go. */
export const DOOR_PING_MS = 30_000;
/** How long a topic stays subscribed at the peers when its last client has left: clients come back. */
export const DOOR_LINGER_MS = 60_000;
/** Topics for which it is remembered who wants them, a reference for each client: a cluster has some hundreds. */
export const DOOR_ROUTES = 1_000;
/** The name that a client gives to itself: Zeek's own have some dozen characters. */
export const DOOR_APPLICATION_CHARS = 256;

/** Bytes out of order that one TCP stream of a capture may hold back before a gap is declared. */
export const REASSEMBLY_BYTES = 16 * 1024 * 1024;
/** The same for all streams of a capture together. */
export const REASSEMBLY_TOTAL_BYTES = 256 * 1024 * 1024;
/**
 * Packets of a connection that a missing one may come late by, and still find its place. A capture is out
 * of order by a few packets (network card queues); holding back a hundred costs next to nothing.
 */
export const REASSEMBLY_LATE_PACKETS = 128;
/** Connections of a capture that are followed at the same time; the longest idle one is ended first. */
export const REASSEMBLY_STREAMS = 10_000;
/** One packet of a capture: above any link's MTU, libpcap's own maximum. */
export const CAPTURE_PACKET_BYTES = 262_144;
/** Interfaces of one pcapng section: as many as its old packet block could number. */
export const CAPTURE_INTERFACES = 65_536;
/** A message that is looked for after a gap, at most: the bytes up to its end are held to check what follows. */
export const RESYNC_FRAME_BYTES = 1024 * 1024;
/** How long after an event its copies to ZeroMQ's subscribers are known as such: they come within milliseconds... */
export const REPLAY_COPY_NANOS = 30_000_000_000n;
/** ...and how many events are remembered for it, some 300 bytes each. */
export const REPLAY_COPIES = 50_000;
/** ZeroMQ senders of a capture: each has its log schemas. The nodes of a cluster are some hundreds. */
export const REPLAY_SENDERS = 10_000;
/** Items that a replay hands over at once. */
export const REPLAY_BATCH_ITEMS = 1_000;
/** Warnings of one kind that a replay keeps; further ones are only counted. */
export const REPLAY_WARNINGS = 100;
/** One line of a log file. */
export const LOG_LINE_BYTES = 16 * 1024 * 1024;

/** Log records in one message of the load generator (`Broker::log_batch_size`). */
export const LOAD_BATCH_RECORDS = 400;
/** How long it holds records back for a full message (`Broker::log_batch_interval`). */
export const LOAD_FLUSH_MS = 1_000;
/** How often a worker of it looks whether the socket takes more: the system's buffers last longer at any speed. */
export const LOAD_TICK_MS = 10;
/** Bytes that one worker hands over before the others have their turn. */
export const LOAD_TURN_BYTES = 4 * 1024 * 1024;
/** How long it waits before it dials again: a gateway that was killed is to be found soon. */
export const LOAD_REDIAL_MS = 200;
/**
 * The configuration file: a retention for each of 10,000 logs fits. What YAML makes of hostile bytes costs about
 * 4 us a byte.
 */
export const CONFIG_FILE_BYTES = 256 * 1024;
/** Levels of the configuration file: its keys need 3, and the YAML library's stack ends after some thousands. */
export const CONFIG_DEPTH = 100;
/** Mistakes in the configuration that are told; a file that is no configuration at all would have thousands. */
export const CONFIG_PROBLEMS = 100;
/** The smallest spool that can be asked for: some batches of Zeek's, which have about 100 KiB. */
export const SPOOL_BYTES_MIN = 1024 * 1024;
/** The longest time between two syncs of the spool: what came since the last one is lost with the machine. */
export const SPOOL_SYNC_INTERVAL_MAX_MS = 60_000;
/** The longest retention: a century. Who wants more means `never`. */
export const RETENTION_DAYS_MAX = 36_500;

/** One filter: analysts write some hundred characters, programs lists of a thousand addresses. */
export const FILTER_CHARS = 64 * 1024;
/** Parentheses and negations in each other: each costs stack frames of the parser. */
export const FILTER_DEPTH = 64;
/** Tests of one filter: each is a part of the statement, and is made of each live row. */
export const FILTER_TESTS = 2_000;
/** Repetitions in a pattern (`{n,m}`): what PostgreSQL allows. */
export const PATTERN_REPEAT = 255;
/** Characters of one pattern, its repetitions written out: the automata grow with them. */
export const PATTERN_SIZE = 2_000;

/** Clients of the live tail at the same time: each has a filter that every row of its logs is tested with. */
export const TAIL_CLIENTS = 200;
/** Logs that one of them watches. */
export const TAIL_LOGS = 50;
/** What may wait for one of them before rows are left out: a gap is told instead. */
export const TAIL_QUEUE_BYTES = 4 * 1024 * 1024;
/** How often a client hears that there is nothing new, and of a gap: proxies give silent connections up after a minute. */
export const TAIL_HEARTBEAT_MS = 10_000;

/**
 * Data stores (`src/protocol/store`). Their times are counted in ticks; these and the two below are the defaults of Broker
 * (`broker::defaults::store`).
 */
export const STORE_TICK_MS = 100;
/** A producer is heard at least this often. */
export const STORE_HEARTBEAT_TICKS = 5;
/** So long nothing comes before what is missing is asked for. */
export const STORE_NACK_TICKS = 2;
/** Of somebody who is not heard for so many heartbeats, 50 s, nothing is expected any more. */
export const STORE_TIMEOUT_HEARTBEATS = 100;

/** Sequence numbers that one nack may ask for, and that we ask for at once: it comes again for the rest. */
export const STORE_NACKS = 100_000;
/** Commands that are kept because an earlier one is missing; further ones are asked for again. */
export const STORE_REORDERED = 100_000;

/** One snapshot, which is one frame: what an endpoint takes that has a clone, in the place of `frameBytes`. */
export const STORE_SNAPSHOT_BYTES = 1024 * 1024 * 1024;
/** Entries of one snapshot: as few as two bytes of a frame each, and some 400 here. */
export const STORE_SNAPSHOT_ENTRIES = 4 * 1024 * 1024;
/** Ticks before a snapshot is sent again to a clone that asks and asks: a large one takes its time on the way. */
export const STORE_SNAPSHOT_AGAIN_TICKS = 20;

/**
 * Bytes of commands that a master keeps for clones that have not confirmed them. Above it those that are furthest behind are
 * given up: they ask for a new snapshot, or are Zeek's and say that they are broken.
 */
export const STORE_UNCONFIRMED_BYTES = 64 * 1024 * 1024;
/** Commands that all clones confirmed are kept so far: for a clone that comes back after it was given up for silence. */
export const STORE_RETAINED_BYTES = 4 * 1024 * 1024;

/** Writes to a clone that has no master wait for one: this many, so long (Zeek's `Broker::default_clone_mutation_buffer_interval`). */
export const STORE_STALLED_WRITES = 100_000;
export const STORE_STALLED_TICKS = 1_200;

/** Clones of one master, and writers: each costs memory, and a clone a snapshot. Far above the nodes of a large cluster. */
export const STORE_PARTIES = 10_000;
/** Writes of a master that wait to be durable; further ones are refused, those of clones come again. */
export const STORE_PENDING = 100_000;
/** Entries of a snapshot that are read or written before others have their turn: some milliseconds. */
export const STORE_SNAPSHOT_PART = 2_000;
/** How long a read of a clone waits for a master (`broker.store.max-get-delay`). */
export const STORE_READ_WAIT_MS = 5_000;
/** How long a clone without a master may be read: Zeek's `Broker::default_clone_stale_interval`. */
export const STORE_STALE_MS = 300_000;
/** First and longest wait before a back end that failed is tried again. */
export const STORE_RETRY_FIRST_MS = 100;
export const STORE_RETRY_LONGEST_MS = 5_000;
/** Changes that wait for one who iterates over them; then come those after a gap that is told. */
export const STORE_FEED_CHANGES = 10_000;

/** Changes of stores that wait to be written into the history: beyond, the whole content is compared later. */
export const STORE_MIRROR_CHANGES = 100_000;
/** Changes that one transaction writes. */
export const STORE_MIRROR_BATCH = 5_000;

/** Entries that the file of a store is read by at once, and bytes of them where they are large: they come from another thread. */
export const STORE_LOAD_ROWS = 10_000;
export const STORE_LOAD_BYTES = 4 * 1024 * 1024;
