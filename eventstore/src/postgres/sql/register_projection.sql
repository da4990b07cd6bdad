-- Registers a projection, with the number of slots that its first runner names.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  slots
-- out  no row; 1 row inserted, or 0 when it is registered already
-- plan insert
insert into annals.projections (consumer, version, partitions)
values ($1, $2, $3)
on conflict do nothing
