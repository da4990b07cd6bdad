-- Moves a checkpoint, in the transaction of the read model.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
--      $4  bigint   epoch of the owner
--      $5  bigint   position it moves from
--      $6  bigint   position it moves to
--      $7  uuid     id of the event at that position, null if it is not known
-- out  no row; 1 row changed, or 0 when another owner has taken over: roll back
-- plan index scan on checkpoints_pkey
update annals.checkpoints
set position = $6, event_id = $7, updated_at = clock_timestamp()
where consumer = $1
  and version = $2
  and partition = $3
  and epoch = $4
  and position = $5
