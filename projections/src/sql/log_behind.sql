-- Tells how much of the log stands behind a position. Asked of the database of the log.
--
-- in   $1  bigint  position
--      $2  bigint  the most events to count
-- out  one row: how many events stand behind it, as far as they are counted; the age of the first of them in milliseconds,
--      null where there is none
-- plan index scan on events_pkey
select (select count(*)
        from (select from annals.events as e where e.position > $1 order by e.position limit $2) as behind) as events,
       (select (extract(epoch from clock_timestamp() - e.recorded_at) * 1000)::bigint
        from annals.events as e
        where e.position > $1
        order by e.position
        limit 1) as age_milliseconds
