# The commands of the house; `just` alone lists them. Each is one line that can be typed without just.

[private]
help:
    @just --list --unsorted

# The sample: a bank, on a development server that is found or started
bank:
    cargo run --example bank

# All tests of all crates; a PostgreSQL is found or started
test *arguments:
    cargo test {{ arguments }}

# The same tests on PostgreSQL 18, from the wheel
pg18 *arguments:
    ANNALS_PG=wheel cargo test {{ arguments }}

# A program outside of the workspace, which knows the facade alone, builds and passes its tests
outside:
    cp Cargo.lock tests/outside/Cargo.lock
    cargo test --offline --manifest-path tests/outside/Cargo.toml --target-dir target/outside

# A minute of writers that hold, roll back, forge and die, and of readers that must not miss an event
stress seconds="60":
    ANNALS_STRESS_SECONDS={{ seconds }} cargo test --test it stress:: -- --nocapture

# Five minutes of commands that meet, repeat, die and are compared with a model of one thread
commands seconds="300":
    ANNALS_COMMANDS_SECONDS={{ seconds }} cargo test --test it commands:: -- --nocapture

# Five minutes of runners that are killed, stopped and cut off, and fifty that wake after their lease
fire seconds="300" rounds="50":
    ANNALS_FIRE_SECONDS={{ seconds }} ANNALS_FIRE_ROUNDS={{ rounds }} cargo test --test it fire:: -- --nocapture --test-threads=1

# A read model of a million events is built anew while appends go on and readers poll
rebuild events="1000000":
    ANNALS_REBUILD_EVENTS={{ events }} cargo test --release --test it many_events_are_rebuilt -- --nocapture

# A subscription reads a million events in a process of its own; how much it grows
memory:
    cargo test --test it a_subscription_reads_a_million -- --ignored --nocapture

# What each optional index costs an append and saves a read, at a million events
indexes:
    cargo test --test it what_each_index -- --ignored --nocapture

# What the scrub of a stream of a million events costs, and appends meanwhile
scrub events="1000000":
    ANNALS_SCRUB_EVENTS={{ events }} cargo test --test it while_a_long_stream_is_scrubbed -- --nocapture

# Every order of steps of writers and a reader that the tests know; hours
schedules:
    ANNALS_SCHEDULES=full cargo test --test it fence:: -- --nocapture

# Format and lints, as the pipeline sees them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The documentation of all crates, in a browser
doc:
    cargo doc --workspace --no-deps --all-features --open

# The benchmarks; docs/benchmarks.md tells what they measure
bench *arguments:
    cargo bench {{ arguments }}

# A stream of a million events, replayed in bounded memory; fails where it takes more than 100 MiB
replay-memory:
    cargo bench --bench log -- replay-memory

# The runner of projections in SQL, such as `just projection-runner run --projections examples/bank/projections`
projection-runner *arguments:
    cargo run --quiet -p annals-projection-runner -- {{ arguments }}

# The operator command line, such as `just annals stream ls`
annals *arguments:
    cargo run --quiet -p annals-admin -- {{ arguments }}

# Everything that has to hold before a change goes in
ci:
    .ci/run
