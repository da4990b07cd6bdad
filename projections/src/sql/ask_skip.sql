-- Asks that an event be skipped when it is met.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  bigint   position of the event
--      $4  text     why
-- out  no row
-- plan insert
insert into annals.control (consumer, version, verb, position, reason)
values ($1, $2, 'skip', $3, $4)
