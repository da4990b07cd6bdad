//! The log in PostgreSQL: connection options, schema, and the store.

mod append;
mod append_event;
mod append_many;
mod append_within;
mod breaker;
mod checkpoint;
mod checkup;
mod claim;
mod config;
mod connect;
mod decisions;
mod deletion;
mod ear;
mod fault;
mod fence_blockers;
mod fence_watch;
mod head_publisher;
mod idle_limit;
mod json;
mod kept_checkpoint;
mod lease;
mod listen;
mod loan;
mod observed_append;
mod observed_batch;
mod observed_read;
mod open;
mod optional_index;
mod read;
mod repair;
mod resolve;
mod roles;
mod row;
mod schema;
mod send;
mod session;
mod slot;
mod slot_error;
mod slot_limit;
mod slot_pace;
mod snapshot;
mod statements;
mod store;
mod tail;
mod wake;
mod wakeup_state;

pub use breaker::{BREAKER_FAILURES, BREAKER_OPEN, BreakerState, SlotBreaker};
pub use checkpoint::{CheckpointError, ClaimedCheckpoint, Consumer};
pub use checkup::{CheckUpOptions, Diagnosis, Verdict, check_up};
pub use config::{InvalidStoreConfig, StoreConfig};
pub use connect::{
    ConnectError, ConnectFault, ConnectOptions, Connected, Connection, InvalidConnectOptions, PoolOptions,
    connect, pool,
};
pub use ear::ListenError;
pub use fence_blockers::{FenceBlocker, FenceHolder};
pub use kept_checkpoint::KeptCheckpoint;
pub use lease::{HeldLease, Leases, SlotStatus};
#[doc(hidden)]
pub use loan::Loan;
pub use open::OpenError;
pub use optional_index::{
    IndexError, IndexState, IndexStatus, OptionalIndex, UnknownIndex, add_index, drop_index, optional_indexes,
};
pub use repair::{LogFinding, RepairError, examine_log, repair_log};
pub use roles::{InvalidRolePrefix, RolePrefix, RolesError, apply_roles, roles_script};
pub use schema::{
    ComponentStatus, InvalidSchemaName, MigrateError, Migration, MigrationReport, SchemaFault, SchemaName,
    SchemaStatus, migrate, migrate_read_models, migration_script, migrations, migrations_fingerprint,
    require_read_models, schema_status,
};
pub use slot::{Selector, Slot};
pub use slot_error::{SlotError, is_transient_cause};
pub use slot_limit::SlotLimits;
pub use slot_pace::Pace;
pub use statements::Statement;
#[cfg(feature = "testing")]
pub use statements::parameter_types;
#[doc(hidden)]
pub use statements::statements;
pub use store::PostgresStore;
pub use wakeup_state::{WakeupState, check_wakeups};
