-- An account begins, with nothing in it.
insert into balances (account, owner, cents, version)
values (regexp_replace(:stream, '^account-', ''), :data.owner, 0, :version)
