-- Gives requests of one consumer to another of the same version.
--
-- in   $1  text     from whom
--      $2  integer  version
--      $3  text     to whom
-- out  no row
-- plan update
update annals.control
set consumer = $3
where consumer = $1
  and version = $2
