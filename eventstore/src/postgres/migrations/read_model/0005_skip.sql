-- Lets operators ask that one event be skipped, whichever slot it is dealt to.
--
-- Takes milliseconds; runners that look for requests at this moment wait for it.

alter table annals.control
    alter column partition drop not null,
    alter column key drop not null,
    add column position bigint,
    drop constraint control_verb_check,
    add constraint control_verb_check check (
        case verb
            when 'skip' then position is not null
            else verb in ('retry', 'discard') and partition is not null and key is not null
        end);
