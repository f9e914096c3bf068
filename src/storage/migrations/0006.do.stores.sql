-- Broker's data stores: docs/schema.md, docs/adr/0012-store-back-ends.md.

-- The stores whose master is kept here, and how far each is: bytes of the master's own.
CREATE TABLE zeekway.stores (
  name text PRIMARY KEY,
  position bytea NOT NULL,
  updated timestamptz NOT NULL DEFAULT now()
);

-- Their entries. A key or value is there as Zeek writes it, as JSON with types, and in its exact bytes. key_id is the key's bytes,
-- or of long ones the beginning and a hash: an index cannot hold more.
CREATE TABLE zeekway.store_entries (
  store text NOT NULL,
  key_text text NOT NULL,
  value_text text NOT NULL,
  key jsonb NOT NULL,
  value jsonb NOT NULL,
  -- Nanoseconds since the Unix epoch.
  expires_nanos bigint,
  updated timestamptz NOT NULL DEFAULT now(),
  key_id bytea NOT NULL,
  key_bytes bytea NOT NULL,
  value_bytes bytea NOT NULL,
  PRIMARY KEY (store, key_id)
);

-- What stores that are mirrored held, and hold: each value from when to when, infinity for the one of now.
CREATE TABLE zeekway.store_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  store text NOT NULL,
  key_text text NOT NULL,
  value_text text NOT NULL,
  key jsonb NOT NULL,
  value jsonb NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL DEFAULT 'infinity',
  -- Why it ended; unknown for what was found changed or gone after a time without a look at the store.
  ended text CHECK (ended IN ('updated', 'erased', 'expired', 'unknown')),
  -- The endpoint that wrote it, where that is known.
  publisher text,
  key_id bytea NOT NULL,
  key_bytes bytea NOT NULL,
  value_bytes bytea NOT NULL
);
CREATE INDEX ON zeekway.store_history (store, key_id, since);
CREATE INDEX store_history_now ON zeekway.store_history (store, key_id) WHERE until = 'infinity';
