-- Sets the checkpoints of a projection back, each under a new epoch: whatever its owners have in hand is refused.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  bigint   position; slots that have not come so far stay where they are
--      $4  uuid     id of the event at that position, null for the start of the log
-- out  one row for each slot that was set back
-- plan update
update annals.checkpoints
set epoch = epoch + 1, position = $3, event_id = $4, updated_at = clock_timestamp()
where consumer = $1
  and version = $2
  and position > $3
returning partition
