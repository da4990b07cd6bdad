-- Publishes the highest settled position for readers on standbys.
--
-- out  one row: whether an open append holds more back
-- plan result
select annals.publish_head()
