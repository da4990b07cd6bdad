-- Writes down what was done to a projection by hand.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  text     what was done
--      $4  text     to what, null for all of it
--      $5  text     why
--      $6  text     by whom, null for the role of this session
-- out  no row
-- plan insert
insert into annals.projection_audit (consumer, version, verb, subject, reason, by_whom)
values ($1, $2, $3, $4, $5, coalesce($6, session_user::text))
