-- Tells what is known about a stream.
--
-- in   $1  text  stream name
-- out  0 or 1 row; a deleted stream has a first version behind its version
-- plan index scan on streams_stream_name_key
select version, first_version, tombstoned_at is not null as tombstoned
from annals.streams
where stream_name = $1
