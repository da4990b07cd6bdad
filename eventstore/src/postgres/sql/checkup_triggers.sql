-- Tells how the triggers of events fire.
--
-- out  one row for each trigger that there may be: its name; 'A' where it fires always, 'O' where not under
--      replication, 'R' where only then, 'D' where never, null where it is not there
-- plan function scan
select name as trigger_name,
    (select t.tgenabled::text from pg_trigger as t
     where t.tgrelid = 'annals.events'::regclass and t.tgname = name and not t.tgisinternal) as fires
from unnest(array['events_are_immutable', 'event_ids_are_unique']) as name
