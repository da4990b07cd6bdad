-- Tells what has to hold before a log is used: server, encoding, sequence.
--
-- out  one row; once for each store that is opened
-- plan result
-- plan sort (of the lineages: one row, and one more for each restore)
select current_setting('server_version_num')::integer as server_version,
    current_setting('server_encoding') as encoding,
    (select lineage from annals.lineage order by since desc limit 1) as lineage,
    greatest(
        0, (select max(position) from annals.events), (select max(position) from annals.scrubbed)) as last_position,
    (select case when is_called then last_value else 0 end from annals.events_position_seq) as last_drawn
