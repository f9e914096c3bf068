-- Who may use the HTTP API, and who changed what by it: docs/schema.md, docs/adr/0010-api-tokens.md.
CREATE TABLE zeekway.tokens (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  hash bytea NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  created timestamptz NOT NULL DEFAULT now(),
  expires timestamptz,
  last_used timestamptz,
  revoked timestamptz
);
-- A name means one token: one that was revoked lets go of it.
CREATE UNIQUE INDEX tokens_name ON zeekway.tokens (name) WHERE revoked IS NULL;

CREATE TABLE zeekway.audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time timestamptz NOT NULL,
  token int,
  name text NOT NULL,
  address text NOT NULL,
  method text NOT NULL,
  route text NOT NULL,
  target jsonb NOT NULL,
  status int NOT NULL
);
CREATE INDEX ON zeekway.audit USING brin (time) WITH (autosummarize = on);
