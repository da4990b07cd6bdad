-- Goes on with a request whose event is discarded: what is left is to apply the others of its key.
--
-- in   $1  bigint  request
-- out  no row; 1 row changed
-- plan index scan on control_pkey
update annals.control
set verb = 'retry'
where control_id = $1
