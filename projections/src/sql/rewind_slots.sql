-- Sets the checkpoints of a projection back, all of them under a new epoch: whatever their owners have in hand is refused,
-- also that of a slot that has not come so far yet and would pass the position with it.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  bigint   position; slots that have not come so far stay where they are, under a new epoch
--      $4  uuid     id of the event at that position, null for the start of the log
-- out  one row for each slot
-- plan update
update annals.checkpoints
set epoch = epoch + 1, position = least(position, $3),
    event_id = case when position > $3 then $4 else event_id end, updated_at = clock_timestamp()
where consumer = $1
  and version = $2
returning partition
