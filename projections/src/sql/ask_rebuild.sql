-- Asks that a projection be built anew, unless that is under way.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  the version whose tables are replaced
--      $4  text     a query that has to be content with the new tables, null for none
--      $5  bigint   events a second, null for any number
--      $6  boolean  whether the old tables stay
--      $7  text     why
-- out  one row, or none when a rebuild of the projection is under way
-- plan insert
insert into annals.rebuilds (consumer, version, replaces, verification, throttle, keeps_old, reason)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (consumer) where ended_at is null do nothing
returning rebuild_id
