-- Says which version of a projection has the tables.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  text     live, building, replaced
-- out  no row; 1 row changed
-- plan update
update annals.projections
set standing = $3
where consumer = $1
  and version = $2
