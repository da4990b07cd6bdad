-- Money came in, at the counter or from another account. Amounts are in cents.
update balances
set cents = cents + :data.amount, version = :version
where account = regexp_replace(:stream, '^account-', '')
