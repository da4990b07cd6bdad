-- Tells what is wrong with the log.
--
-- out  finding, detail, remedy  a row for each fault; none when the log is sound
-- plan function scan
select finding, detail, remedy from annals.examine_log()
