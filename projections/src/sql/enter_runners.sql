-- Registers a runner under each projection that it hosts, or says that it is still there.
--
-- in   $1  uuid       runner
--      $2  text       its name
--      $3  text       where it can be asked, null for nowhere
--      $4  text       the version of its program
--      $5  text[]     projections
--      $6  integer[]  their versions
--      $7  bigint     for how many milliseconds it counts as alive, by the clock of this database
-- out  no row
-- plan insert
insert into annals.runners as r (runner_id, consumer, version, name, address, build, alive_until)
select $1, hosted.consumer, hosted.version, $2, $3, $4,
       clock_timestamp() + $7::bigint * interval '1 millisecond'
from unnest($5::text[], $6::integer[]) as hosted (consumer, version)
on conflict (runner_id, consumer, version) do update set alive_until = excluded.alive_until
