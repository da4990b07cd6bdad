-- Takes over a slot of a consumer: returns its checkpoint under a new epoch, beginning one if there is none.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
--      $4  uuid     lineage of the log, for a checkpoint behind which nothing was read yet
-- out  one row
-- plan insert
insert into annals.checkpoints as c (consumer, version, partition, lineage, epoch)
values ($1, $2, $3, $4, 1)
on conflict (consumer, version, partition) do update set
    epoch = c.epoch + 1, lineage = case when c.position = 0 then excluded.lineage else c.lineage end
returning lineage, position, event_id, epoch
