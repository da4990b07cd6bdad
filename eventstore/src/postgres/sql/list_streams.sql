-- Lists one page of streams by name, in byte order.
--
-- in   $1  text    what the names begin with; all when empty
--      $2  text    the name behind which to begin, exclusive; the first page when empty
--      $3  bigint  most rows to return
-- out  0 to $3 rows by rising name; deleted and tombstoned streams are left out
-- plan index scan on streams_stream_name_key
select stream_name, version, first_version
from annals.streams
where stream_name > $2
  and stream_name >= $1
  and stream_name < $1 || chr(1114111) || chr(1114111) -- the last character there is: ends the scan
  and starts_with(stream_name, $1)
  and version >= first_version
  and tombstoned_at is null
order by stream_name
limit $3
