-- Everything of our own lives in the schema zeekway, one table per log path in the schema logs.
-- docs/schema.md describes each table; postgrator has created the schema zeekway for its list of migrations.
CREATE SCHEMA logs;

-- One run of `zeekway replay` over one file.
CREATE TABLE zeekway.replays (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest text NOT NULL,
  name text NOT NULL,
  started timestamptz NOT NULL DEFAULT now(),
  finished timestamptz,
  items jsonb
);
CREATE INDEX ON zeekway.replays (digest);

-- Where rows come from. Every row of a log, event, identifier or dead letter points here.
CREATE TABLE zeekway.sources (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('live', 'replay', 'backfill')),
  name text NOT NULL,
  peer text NOT NULL,
  node text,
  replay int REFERENCES zeekway.replays,
  first_seen timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX sources_key ON zeekway.sources (kind, name, peer, coalesce(replay, 0));

-- The last batch that each writing process committed: a batch whose COMMIT got no answer is not written twice.
CREATE TABLE zeekway.writers (
  id uuid PRIMARY KEY,
  seq bigint NOT NULL,
  updated timestamptz NOT NULL DEFAULT now()
);

-- The logs that were announced and the column that holds each of their fields.
CREATE TABLE zeekway.logs (
  path text PRIMARY KEY,
  table_name text NOT NULL UNIQUE,
  stream text NOT NULL,
  created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE zeekway.log_fields (
  path text NOT NULL REFERENCES zeekway.logs,
  field text NOT NULL,
  zeek_type text NOT NULL,
  sql_type text NOT NULL,
  column_name text NOT NULL,
  position int NOT NULL,
  PRIMARY KEY (path, field, sql_type),
  UNIQUE (path, column_name)
);

CREATE TABLE zeekway.events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  topic text NOT NULL,
  ts timestamptz,
  received timestamptz NOT NULL,
  source int NOT NULL,
  args jsonb NOT NULL
);
CREATE INDEX ON zeekway.events USING brin (ts) WITH (autosummarize = on);
CREATE INDEX ON zeekway.events (name, ts);
CREATE INDEX ON zeekway.events USING gin (args jsonb_path_ops);

CREATE TABLE zeekway.identifiers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  value jsonb NOT NULL,
  received timestamptz NOT NULL,
  source int NOT NULL
);
CREATE INDEX ON zeekway.identifiers (name, received);

-- What could not be understood or stored, with its bytes.
CREATE TABLE zeekway.dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL,
  reason text NOT NULL,
  subject text NOT NULL,
  topic text NOT NULL,
  received timestamptz NOT NULL,
  source int NOT NULL,
  raw bytea NOT NULL
);
CREATE INDEX ON zeekway.dead_letters USING brin (received) WITH (autosummarize = on);
