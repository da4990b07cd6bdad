-- Removes runners that have not said for a whole lease that they are still there.
--
-- out  no row
-- plan seq scan (a row for each projection of each runner)
delete from annals.runners where alive_until <= clock_timestamp()
