-- Data pools that are deleted here and whose files may still be there: kept until the files are gone too.
create table removed_data_pools (
    id text primary key not null
) strict;
