-- Returns which log this is; a repair may have made another one of it since the store was opened.
--
-- out  one row
-- plan result
-- plan sort (of the lineages: one row, and one more for each restore)
select (select lineage from annals.lineage order by since desc limit 1)
