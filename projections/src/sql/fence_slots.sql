-- Puts the checkpoints of a consumer under new epochs: whatever their owners have in hand is refused.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  no row
-- plan update
update annals.checkpoints
set epoch = epoch + 1
where consumer = $1
  and version = $2
