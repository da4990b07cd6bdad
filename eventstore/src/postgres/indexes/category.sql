-- Optional: streams by category.
--
-- Serves reads and listings of a category whose streams are few: their events are found through the streams.
-- A category that makes up much of the log is read through the log all the same.
create index concurrently if not exists streams_category_idx on annals.streams (category)
