-- Asks that a rebuild end and leave nothing. One that nobody has begun has ended with that.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row, or none when no rebuild of the projection is before its swap
-- plan index scan on rebuilds_open_idx
update annals.rebuilds
set state = case state when 'asked' then 'cancelled' else 'cancelling' end,
    ended_at = case state when 'asked' then clock_timestamp() end
where consumer = $1
  and version = $2
  and ended_at is null
  and state in ('asked', 'filling', 'cancelling')
returning rebuild_id
