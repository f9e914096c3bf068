-- How far each writer's stream of entries is stored, committed with the rows: all before item `item` of entry `entry`.
ALTER TABLE zeekway.writers RENAME COLUMN seq TO entry;
ALTER TABLE zeekway.writers ADD COLUMN item int NOT NULL DEFAULT 0;
