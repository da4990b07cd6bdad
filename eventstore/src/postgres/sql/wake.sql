-- Wakes subscribers; in a transaction of its own, never in an append's.
--
-- out  one row without content
-- plan result
select annals.wake()
