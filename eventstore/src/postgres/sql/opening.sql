-- Tells which log it is, and whether its positions can be drawn safely.
--
-- out  one row; once for each store that is opened
-- plan result
-- plan sort (of the lineages: one row, and one more for each restore)
select (select lineage from annals.lineage order by since desc limit 1) as lineage,
    (select string_agg(detail, '; ') from annals.examine_log()) as fault
