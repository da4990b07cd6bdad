-- Makes the log sound again, under a new lineage; for its owner, while appends wait.
--
-- out  done  a line for each thing that was done
-- plan function scan
select done from annals.repair_log()
