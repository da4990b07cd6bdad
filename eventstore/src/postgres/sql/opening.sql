-- Tells what has to hold before a log is used: server, encoding, sequence.
--
-- out  one row; once for each store that is opened
-- plan result
-- plan sort (of the lineages: one row, and one more for each restore)
select current_setting('server_version_num')::integer as server_version,
    current_setting('server_encoding') as encoding,
    (select lineage from annals.lineage order by since desc limit 1) as lineage,
    (select string_agg(detail, '; ') from annals.examine_log()) as fault
