-- Lists one page of streams by name, in byte order.
--
-- in   $1  text    the first name wanted, inclusive: what the names begin with
--      $2  text    the name behind which to begin, exclusive; the first page when empty
--      $3  bigint  most rows to return
-- out  0 to $3 rows by rising name; deleted and tombstoned streams are left out. Names that no longer begin
--      with $1 are the caller's to drop: an upper bound here would make the planner expect few rows and sort.
-- plan index scan on streams_stream_name_key
select stream_name, version, first_version
from annals.streams
where stream_name >= $1
  and stream_name > $2
  and version >= first_version
  and tombstoned_at is null
order by stream_name
limit $3
