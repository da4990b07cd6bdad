-- Lists the prepared transactions of this database.
--
-- out  one row each, the oldest first: gid, owner, for how many seconds it has been prepared, by the server's clock
-- plan sort (of the prepared transactions)
select p.gid, p.owner::text as owner_name,
    extract(epoch from clock_timestamp() - p.prepared)::double precision as open_seconds
from pg_prepared_xacts as p
where p.database = current_database()
order by p.prepared, p.gid
