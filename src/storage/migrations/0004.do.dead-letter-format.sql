-- What the bytes of a dead letter are, by Zeek's names of the formats (src/codec/payload-format.ts).
ALTER TABLE zeekway.dead_letters ADD COLUMN format text NOT NULL DEFAULT 'broker-bin-v1';
