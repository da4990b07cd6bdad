-- Returns the highest settled position.
--
-- out  one row
-- plan result
select annals.head()
