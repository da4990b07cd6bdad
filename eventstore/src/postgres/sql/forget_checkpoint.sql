-- Forgets a checkpoint, for the owner that claimed it.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
--      $4  bigint   epoch of the owner
-- out  no row; 1 row deleted, or 0 when another owner has taken over
-- plan index scan on checkpoints_pkey
delete from annals.checkpoints
where consumer = $1
  and version = $2
  and partition = $3
  and epoch = $4
