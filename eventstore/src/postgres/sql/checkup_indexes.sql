-- Lists the indexes of the log, and how often each was used.
--
-- out  one row each, by name: whether it can be used; how often it was since statistics began, and since when that is
--      where somebody reset them
-- plan sort (of the indexes)
select c.relname::text as index_name,
    i.indisvalid and i.indisready as is_valid,
    coalesce(pg_stat_get_numscans(i.indexrelid), 0) as scans,
    (select d.stats_reset from pg_stat_database as d where d.datname = current_database()) as counted_since
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
where c.relnamespace = 'annals'::regnamespace
order by c.relname
