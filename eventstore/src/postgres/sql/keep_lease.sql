-- Writes the lease of a slot, whose row the caller has locked.
--
-- in   $1  text         consumer
--      $2  integer      version
--      $3  integer      partition
--      $4  uuid         owner, null for nobody
--      $5  bigint       epoch
--      $6  timestamptz  until when
-- out  no row; 1 row changed
-- plan index scan on leases_pkey
update annals.leases
set owner = $4, epoch = $5, lease_until = $6
where consumer = $1
  and version = $2
  and partition = $3
