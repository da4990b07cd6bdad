-- Wakes the runners of every process: somebody joined or left, gave a slot back, or asked for something.
--
-- out  one row
-- plan result
select pg_notify('annals' || '_runners', '')
