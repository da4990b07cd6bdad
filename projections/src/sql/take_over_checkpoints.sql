-- Gives a projection the checkpoints of the slots that were filled for it, each under a new epoch.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  text     the consumer that filled them
-- out  one row for each slot: how far it has come
-- plan insert
insert into annals.checkpoints as c (consumer, version, partition, lineage, position, event_id, epoch)
select $1, $2, s.partition, s.lineage, s.position, s.event_id, 1
from annals.checkpoints as s
where s.consumer = $3
  and s.version = $2
on conflict (consumer, version, partition) do update set
    epoch = c.epoch + 1, lineage = excluded.lineage, position = excluded.position, event_id = excluded.event_id,
    updated_at = clock_timestamp()
returning partition, position
