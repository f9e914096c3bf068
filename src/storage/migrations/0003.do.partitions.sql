-- The partitions of the tables in the schema logs, one a day and one for the rest, with names of their own:
-- docs/schema.md and docs/adr/0007-partitions.md.
CREATE SCHEMA log_partitions;
