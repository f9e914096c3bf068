-- Broker's data stores: what masters keep here, and what the stores that are followed held at any time (docs/schema.md).
CREATE TABLE zeekway.stores (
  name text PRIMARY KEY,
  position bytea NOT NULL,
  updated timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE zeekway.store_entries (
  store text NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  key_text text NOT NULL,
  key_json jsonb NOT NULL,
  value_json jsonb NOT NULL,
  expires timestamptz,
  updated timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (store, key)
);

CREATE TABLE zeekway.store_history (
  store text NOT NULL,
  key bytea NOT NULL,
  key_text text NOT NULL,
  key_json jsonb NOT NULL,
  value bytea NOT NULL,
  value_json jsonb NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL DEFAULT 'infinity',
  ended text CHECK (ended IN ('updated', 'erased', 'expired')),
  publisher text NOT NULL
);
-- The content now, in which a key is once.
CREATE UNIQUE INDEX store_history_current ON zeekway.store_history (store, key) WHERE until = 'infinity';
-- The history of a key, and the content at a time in the order of the keys.
CREATE INDEX store_history_key ON zeekway.store_history (store, key, since);
-- The content at a time, where few entries of many are of then.
CREATE INDEX store_history_time ON zeekway.store_history (store, since, until);
