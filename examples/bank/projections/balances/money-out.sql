-- Money went out, at the counter or to another account. Amounts are in cents.
update balances
set cents = cents - :data.amount, version = :version
where account = regexp_replace(:stream, '^account-', '')
